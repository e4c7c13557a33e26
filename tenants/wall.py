"""What each kind of database role may do with a table, said beside the model and built by `tenants.walls`."""

from dataclasses import dataclass

# Which rows an agency sees, besides the plain "those with its number".
OF_OWN_BRANDS = "brand_id IN (SELECT id FROM tenants_brand)"
OWN_OR_OF_OWN_BRAND = f"agency_id = nightjar_agency() AND (brand_id IS NULL OR {OF_OWN_BRANDS})"


@dataclass(frozen=True)
class Wall:
    """The rights on one table: SQL verbs per kind of role, and which rows an agency or a brand may see of it.

    `directory` and the letterbox (and `operators`, mostly) are trusted with all rows of what they are given; agencies
    and brands see by row-level security only the rows for which the expression holds. What an agency adds must hold
    `agency_new_rows` besides: a row may be its own and still say of others what it has no business to say.
    Of a table that every brand reads, a brand may change those rows alone for which `brand_changes` holds.
    """

    operators: str = ""
    directory: str = ""
    agency: str = ""
    brand: str = ""
    letterbox: str = ""
    operators_rows: str = "true"
    agency_rows: str = "agency_id = nightjar_agency()"
    agency_new_rows: str = ""
    brand_rows: str = "brand_id = nightjar_brand()"
    brand_changes: str = ""
