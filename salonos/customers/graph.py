"""Customers in the schema: sealed leaves, masks, and a search that tells nobody more than they may see."""

import enum
from datetime import date, datetime
from typing import Annotated

import strawberry
from sqlalchemy import ColumnElement, Integer, LargeBinary, Text, Uuid, and_, exists, literal_column, or_, select

from salonos.customers import commands, problems, queries, rules, tables
from salonos.customers.rules import CustomerDetail, Gender
from salonos.graph.directives import Mask
from salonos.graph.fields import (
    Order,
    Part,
    actor_value,
    by_id,
    column,
    connection,
    enum_of,
    extend,
    field,
    node,
    orders,
    ref,
    sealed,
    where,
)
from salonos.graph.mutations import mutation
from salonos.graph.problem import InvalidInput, Problem, StaleVersion, problem
from salonos.graph.roots import Connection, Mutation, Node, Query
from salonos.graph.scalars import PhoneNumber
from salonos.kernel.actor import Access
from salonos.kernel.ids import id_value
from salonos.kernel.permissions import Permission
from salonos.kernel.work import Work
from salonos.salon import graph as salon

enum_of(
    Gender,
    "What a customer says of themself.",
    FEMALE="A woman or girl.",
    MALE="A man or boy.",
    OTHER="Neither, or both.",
)
enum_of(
    CustomerDetail,
    "What may be taken off a customer's record.",
    PHONE="The phone number.",
    EMAIL="The e-mail address.",
    GENDER="The gender.",
    BIRTH_DATE="The birth date.",
    ADDRESS="The address.",
    NOTES="The notes.",
)

CONTACT = Permission.CUSTOMER_CONTACT_READ


# --- what is read


def customers_in_reach(access: Access) -> ColumnElement[bool] | None:
    """All customers, or those whom the reader served within ninety days."""
    if Permission.CUSTOMER_READ not in access.own:
        return None
    visit = tables.CustomerVisit
    since = salon.today() - literal_column(str(rules.SERVED_WITHIN_DAYS), Integer())
    served = select(visit.customer_id).where(
        visit.staff_id == actor_value("id", Uuid()),
        visit.customer_id == tables.Customer.id,
        visit.last_served_on >= since,
    )
    return exists(served.correlate(tables.Customer))


@node(tables.Customer, scope=customers_in_reach, requires=Permission.CUSTOMER_READ)
class Customer(Node):
    """A person we serve. A stylist sees those whom they served within ninety days."""

    name: str = column(
        tables.Customer.name,
        "The whole name; the first name for those who may not read contacts.",
        mask=(Mask.FIRST_NAME, CONTACT),
        part=tables.Customer.first_name,
    )
    phone: PhoneNumber | None = sealed(
        tables.Customer.phone_sealed,
        "In E.164; its last four digits for those who may not read contacts; null when we have none.",
        mask=(Mask.LAST_DIGITS, CONTACT),
        part=tables.Customer.phone_last_digits,
    )
    email: str | None = sealed(tables.Customer.email_sealed, "Null when we have none.", requires=CONTACT)
    gender: Gender | None = column(tables.Customer.gender, "Null when they did not say.")
    birth_date: date | None = sealed(tables.Customer.birth_date_sealed, "Null when we don't know it.", requires=CONTACT)
    address: str | None = sealed(tables.Customer.address_sealed, "In lines; null when we have none.", requires=CONTACT)
    notes: str | None = sealed(
        tables.Customer.notes_sealed,
        "Formulas, allergies, preferences; null when there are none.",
        requires=Permission.CUSTOMER_NOTES_READ,
    )
    version: int = column(tables.Customer.version, "Rises with each change.")
    created_at: datetime = column(tables.Customer.created_at, "When they were first known.")


@orders(
    NAME=Order(
        tables.Customer.search_name,
        "By name, without case; by the first name for those who may not read contacts.",
        masked=(tables.Customer.search_first_name, CONTACT),
    ),
    NEWEST=Order(tables.Customer.created_at, "Those who came last first.", descending=True),
)
class CustomerOrder(enum.Enum):
    """How customers may be ordered. The id breaks ties."""


def named_or_called(
    name: ColumnElement[str], low: ColumnElement[str], high: ColumnElement[str], phone: ColumnElement[bytes]
) -> ColumnElement[bool]:
    """A prefix of the name, or a whole phone number by its keyed hash."""
    is_named = and_(name.expression >= low, name.expression < high)
    return or_(is_named, tables.Customer.phone_index == phone)


def called_by_first_name(
    _: ColumnElement[str], low: ColumnElement[str], high: ColumnElement[str], __: ColumnElement[bytes]
) -> ColumnElement[bool]:
    """What may be searched without contact rights: no more than what is seen."""
    first_name = tables.Customer.search_first_name.expression
    return and_(first_name >= low, first_name < high)


def phone_index_of(typed: str) -> bytes | None:
    """The keyed hash of what was typed if it is a phone number; None for a name."""
    phone = rules.phone_number(typed)
    return None if phone is None else queries.phone_index(phone)


@strawberry.input(description="Which customers; all conditions hold.")
class CustomerFilter:
    """Which customers."""

    search: str | None = where(
        tables.Customer.search_name,
        "The name begins with this, or this is the whole phone number, Indian unless it says otherwise. Those who may "
        "not read contacts search by the first name only.",
        parts=(
            Part(lambda typed: rules.name_range(typed)[0], Text()),
            Part(lambda typed: rules.name_range(typed)[1], Text()),
            Part(phone_index_of, LargeBinary()),
        ),
        condition=named_or_called,
        masked=(CONTACT, called_by_first_name),
    )
    phone: PhoneNumber | None = where(
        tables.Customer.phone_index,
        "With this whole number.",
        parts=(Part(queries.phone_index, LargeBinary()),),
        requires=CONTACT,
    )
    email: str | None = where(
        tables.Customer.email_index,
        "With this whole address, without case.",
        parts=(Part(queries.email_index, LargeBinary()),),
        requires=CONTACT,
    )


@extend(Query)
class CustomerReads:
    """The customers' roots."""

    customer: Customer | None = by_id("A customer by their id; null out of reach.")
    customers: Connection[Customer] | None = connection(
        None, "The customers whom the reader may see.", order=CustomerOrder, filter=CustomerFilter
    )


# --- problems


@problem(problems.CustomerExists)
class CustomerExists(Problem):
    """Somebody has this phone number already. Take them, or say `sharesPhone` if it is somebody else."""

    customer: Customer | None = field("Who has it, known for longest.")


# --- inputs


@strawberry.input(description="A person to be served.")
class CreateCustomerInput:
    """A person to be served."""

    name: str = field("At most 120 characters.")
    phone: PhoneNumber | None = field("To call and to be found by.")
    email: str | None = field("At most 254 characters.")
    gender: Gender | None = field("What they say of themself.")
    birth_date: date | None = field("Not after today.")
    address: str | None = field("At most 500 characters, in lines.")
    notes: str | None = field("Formulas, allergies, preferences: at most 4000 characters, in lines.")
    shares_phone: bool = field(
        "Whether another customer may have the same number: a mother and her child.", default=False
    )


@strawberry.input(description="What becomes of a customer; what is left out stays.")
class UpdateCustomerInput:
    """What becomes of a customer."""

    customer_id: strawberry.ID = field("Who.")
    expected_version: int = field("The version that was read.")
    name: str | None = field("At most 120 characters.")
    phone: PhoneNumber | None = field("To call and to be found by.")
    email: str | None = field("At most 254 characters.")
    gender: Gender | None = field("What they say of themself.")
    birth_date: date | None = field("Not after today.")
    address: str | None = field("At most 500 characters, in lines.")
    notes: str | None = field("Formulas, allergies, preferences: at most 4000 characters, in lines.")
    shares_phone: bool = field(
        "Whether another customer may have the same number: a mother and her child.", default=False
    )
    removes: list[CustomerDetail] | None = field("What is taken off the record, at most 20.")


# --- results


@strawberry.type(description="The customer is known now.")
class CreateCustomerSuccess:
    """The customer is known now."""

    customer: Customer | None = field("As they are now.")


@strawberry.type(description="The customer was changed.")
class UpdateCustomerSuccess:
    """The customer was changed."""

    customer: Customer | None = field("As they are now.")


CreateCustomerResult = Annotated[
    CreateCustomerSuccess | InvalidInput | CustomerExists,
    strawberry.union("CreateCustomerResult", description="What became of it."),
]
UpdateCustomerResult = Annotated[
    UpdateCustomerSuccess | InvalidInput | StaleVersion | CustomerExists,
    strawberry.union("UpdateCustomerResult", description="What became of it."),
]


@extend(Mutation)
class CustomerWrites:
    """The customers' writes."""

    @mutation("Take a person into the records.", requires=Permission.CUSTOMER_WRITE)
    async def create_customer(self, work: Work, input: CreateCustomerInput) -> CreateCustomerResult:
        """Creates a customer."""
        customer_id = await commands.create_customer(work, commands.NewCustomer(**vars(input)))
        return CreateCustomerSuccess(customer=ref(Customer, customer_id))

    @mutation("Change what is known of a person.", requires=Permission.CUSTOMER_WRITE)
    async def update_customer(self, work: Work, input: UpdateCustomerInput) -> UpdateCustomerResult:
        """Changes a customer."""
        changes = commands.CustomerChanges(
            name=input.name,
            phone=input.phone,
            email=input.email,
            gender=input.gender,
            birth_date=input.birth_date,
            address=input.address,
            notes=input.notes,
            shares_phone=input.shares_phone,
            removes=frozenset(input.removes or ()),
        )
        customer_id = id_value("customer", input.customer_id)
        await commands.update_customer(work, customer_id, changes, expected_version=input.expected_version)
        return UpdateCustomerSuccess(customer=ref(Customer, customer_id))
