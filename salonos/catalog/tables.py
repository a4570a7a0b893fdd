"""The catalogue's rows: tax classes and their dated rates, services, products."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from salonos.kernel.database import Base, Hundredths, Paise, primary_id


class TaxClass(Base):
    """A kind of goods or services for GST; its rates have dates."""

    __tablename__ = "tax_classes"
    id: Mapped[UUID] = primary_id("taxclass")
    name: Mapped[str]
    created_at: Mapped[datetime]
    __table_args__ = (UniqueConstraint("name"), Index("ix_tax_classes_name_id", "name", "id"))


class TaxRate(Base):
    """The rate of a tax class from a date on, until the next one; and whether input credit may be taken then."""

    __tablename__ = "tax_rates"
    tax_class_id: Mapped[UUID] = mapped_column(ForeignKey(TaxClass.id), primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    rate_hundredths: Mapped[int] = mapped_column(Hundredths)
    allows_input_credit: Mapped[bool]
    __table_args__ = (
        CheckConstraint("rate_hundredths between 0 and 4000", name="rate"),
        CheckConstraint("valid_from between '2000-01-01' and '2099-12-31'", name="valid_from"),
    )


class Service(Base):
    """Something we do.

    `search_name` is the name as it is searched, in code point order: one index searches and sorts. `has_recipe` is set by
    the feature that keeps stock, above this one: doing it takes goods off the shelves.
    """

    __tablename__ = "services"
    id: Mapped[UUID] = primary_id("service")
    name: Mapped[str]
    search_name: Mapped[str] = mapped_column(Text(collation="C"))
    category: Mapped[str]
    sac_code: Mapped[str]
    tax_class_id: Mapped[UUID] = mapped_column(ForeignKey(TaxClass.id))
    price_paise: Mapped[int] = mapped_column(Paise)
    price_includes_tax: Mapped[bool] = mapped_column(server_default=text("false"))
    duration_minutes: Mapped[int]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    has_recipe: Mapped[bool] = mapped_column(server_default=text("false"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime]
    __table_args__ = (
        CheckConstraint("price_paise between 0 and 1000000000", name="price"),
        CheckConstraint("duration_minutes between 1 and 720", name="duration"),
        CheckConstraint("sac_code ~ '^99[0-9]{4}$'", name="sac"),
        Index("ix_services_search_name_id", "search_name", "id"),
        Index("ix_services_category_search_name_id", "category", "search_name", "id"),
        Index("ix_services_price_paise_id", "price_paise", "id"),
    )


class Product(Base):
    """Something we sell or use up. `unit_cost_paise` is what one costs us, without tax; null while unknown.

    `is_stocked` is set by the feature that keeps stock, above this one: its sale takes goods off a shelf.
    """

    __tablename__ = "products"
    id: Mapped[UUID] = primary_id("product")
    name: Mapped[str]
    search_name: Mapped[str] = mapped_column(Text(collation="C"))
    category: Mapped[str]
    sku: Mapped[str]
    barcode: Mapped[str | None]
    hsn_code: Mapped[str]
    tax_class_id: Mapped[UUID] = mapped_column(ForeignKey(TaxClass.id))
    price_paise: Mapped[int] = mapped_column(Paise)
    price_includes_tax: Mapped[bool] = mapped_column(server_default=text("true"))
    unit_cost_paise: Mapped[int | None] = mapped_column(Paise)
    is_retail: Mapped[bool] = mapped_column(server_default=text("true"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    is_stocked: Mapped[bool] = mapped_column(server_default=text("false"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime]
    __table_args__ = (
        UniqueConstraint("sku"),
        UniqueConstraint("barcode"),
        CheckConstraint("price_paise between 0 and 1000000000", name="price"),
        CheckConstraint("unit_cost_paise between 0 and 1000000000", name="unit_cost"),
        CheckConstraint("hsn_code ~ '^[0-9]{4,8}$'", name="hsn"),
        CheckConstraint("is_retail or price_paise = 0", name="only_retail_has_a_price"),
        Index("ix_products_search_name_id", "search_name", "id"),
        Index("ix_products_category_search_name_id", "category", "search_name", "id"),
        Index("ix_products_price_paise_id", "price_paise", "id"),
    )
