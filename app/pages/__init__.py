"""The pages, a folder each whose `page` has TITLE, PATH and build(studio). Their order is that of the header.

A page may say more of whom it is for: `NEEDS = "manage"`, what a role must allow; `OUTSIDE_PROJECTS = True`, where it
is of use to somebody who is in none; `IN_HEADER = False`, where another place leads to it.
"""

PAGES = ["home", "image_sets", "tune", "runs", "compare", "find", "review", "people", "account"]
