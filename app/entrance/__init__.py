"""Who and what gets in: sign-in, the gate, the door in front of Gradio, and what it lets through."""
