"""Uploads on their way in, and the image sets and versions that come of them."""
