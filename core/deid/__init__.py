"""De-identification at the door: what a header, a table or the pixels themselves say of a person."""
