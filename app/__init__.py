"""The screen of the studio. Gradio and Plotly live only here; everything that lasts is in the records."""
