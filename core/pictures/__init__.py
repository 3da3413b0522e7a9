"""From a file to a picture: pixels, archives, arrays, and the store that keeps each picture once."""
