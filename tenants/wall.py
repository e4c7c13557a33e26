"""What each kind of database role may do with a table, said beside the model and built by `tenants.walls`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Wall:
    """The rights on one table: SQL verbs per kind of role, and which rows an agency or a brand may see of it.

    `directory` and the letterbox are trusted with all rows of what they are given; agencies and brands see by
    row-level security only the rows for which the expression holds.
    """

    directory: str = ""
    agency: str = ""
    brand: str = ""
    letterbox: str = ""
    agency_rows: str = "agency_id = nightjar_agency()"
    brand_rows: str = "brand_id = nightjar_brand()"
