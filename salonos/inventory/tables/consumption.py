"""The rows of consumption: recipes of services, and what a service used up of an item for a line of a document."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from salonos.catalog import tables as catalog
from salonos.identity import tables as identity
from salonos.inventory.tables.shelves import StockItem
from salonos.kernel.database import Base, Hundredths, Milli, Paise, primary_id
from salonos.salon import tables as salon


class Recipe(Base):
    """What one of a service uses up; it has the service's id, and stays without lines when the service uses nothing."""

    __tablename__ = "recipes"
    id: Mapped[UUID] = mapped_column(ForeignKey(catalog.Service.id), primary_key=True, info={"prefix": "recipe"})
    version: Mapped[int] = mapped_column(server_default=text("1"))
    changed_at: Mapped[datetime]


class RecipeLine(Base):
    """An item of a recipe, in thousandths of its own unit. Written anew with every change of the recipe."""

    __tablename__ = "recipe_lines"
    recipe_id: Mapped[UUID] = mapped_column(ForeignKey(Recipe.id), primary_key=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey(StockItem.id), primary_key=True)
    position: Mapped[int]
    quantity_milli: Mapped[int] = mapped_column(Milli)
    __table_args__ = (
        CheckConstraint("quantity_milli between 1 and 10000000", name="quantity"),
        CheckConstraint("position between 1 and 20", name="position"),
        Index("ix_recipe_lines_product_id", "product_id"),
    )


class Consumption(Base):
    """What a service used up of an item: by recipe when it was posted, and as it was entered since.

    `cause_kind` is the prefix of the cause's id (`bill`), `position` the cause's line. `cost_paise` is what was posted
    to Consumption so far, `tax_paise` the input credit within it that was reversed at `tax_rate_hundredths`. What was
    expected never changes; the trigger refuses it.
    """

    __tablename__ = "consumptions"
    id: Mapped[UUID] = primary_id("consumption")
    branch_id: Mapped[UUID] = mapped_column(ForeignKey(salon.Branch.id))
    cause_kind: Mapped[str]
    cause_id: Mapped[UUID]
    position: Mapped[int]
    service_id: Mapped[UUID] = mapped_column(ForeignKey(catalog.Service.id))
    product_id: Mapped[UUID] = mapped_column(ForeignKey(StockItem.id))
    staff_id: Mapped[UUID | None] = mapped_column(ForeignKey(identity.Staff.id))
    expected_milli: Mapped[int] = mapped_column(Milli)
    actual_milli: Mapped[int] = mapped_column(Milli)
    expected_cost_paise: Mapped[int] = mapped_column(Paise)
    cost_paise: Mapped[int] = mapped_column(Paise)
    tax_paise: Mapped[int] = mapped_column(Paise)
    tax_rate_hundredths: Mapped[int] = mapped_column(Hundredths)
    version: Mapped[int] = mapped_column(server_default=text("1"))
    business_date: Mapped[date]
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime | None]
    recorded_by_id: Mapped[UUID | None]
    __table_args__ = (
        UniqueConstraint("cause_id", "position", "product_id"),
        CheckConstraint("cause_kind ~ '^[a-z]{1,16}$'", name="cause_kind"),
        CheckConstraint("expected_milli between 1 and 1000000000", name="expected"),
        CheckConstraint("actual_milli between 0 and 1000000000", name="actual"),
        CheckConstraint(
            "tax_paise between 0 and cost_paise and expected_cost_paise >= 0 and (actual_milli > 0 or cost_paise = 0)",
            name="cost",
        ),
        CheckConstraint("tax_rate_hundredths between 0 and 4000", name="tax_rate"),
        CheckConstraint("business_date between '2000-01-01' and '2099-12-31'", name="business_date"),
        CheckConstraint(
            "(recorded_at is null) = (version = 1) and (recorded_at is null) = (recorded_by_id is null)",
            name="recorded",
        ),
        Index("ix_consumptions_occurred_at_id", "occurred_at", "id"),
        Index("ix_consumptions_branch_id_occurred_at_id", "branch_id", "occurred_at", "id"),
        Index("ix_consumptions_branch_id_business_date", "branch_id", "business_date"),
    )
