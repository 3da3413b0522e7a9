"""The small vision-language model that ships with the project, and how it was made."""
