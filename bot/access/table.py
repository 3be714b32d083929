"""What every table of the policy file is."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """Frozen, and strict about names: what is misspelt is refused and never passed over."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
