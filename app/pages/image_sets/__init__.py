"""The parts of the page “Image sets”: adding, the check's report, the gallery, the task, and their API names."""
