"""The name of an ad as it is searched for: search reads it since ads can be found by name."""

from adapters.postgres import Backfill

backfill = Backfill(
    name="org-ads-search-name",
    title="Names of ads as they are searched for",
    table="org_ads",
    column="search_name",
    expression="nullif(lower(btrim(name)), '')",  # A name of blanks is none to search for.
    right="search_name = lower(btrim(name))",
    take_back="UPDATE org_ads SET search_name = NULL, in batches: nobody writes it but this",
)
