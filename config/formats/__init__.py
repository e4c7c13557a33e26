"""How dates and times are written where Django writes them, by language: the admin's lists, mostly."""
