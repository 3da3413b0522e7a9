"""The pages, a folder each whose `page` has TITLE, PATH and build(studio). Their order is that of the header."""

PAGES = ["home", "image_sets", "tune", "runs", "compare", "find", "review"]
