"""What stands on a bill's papers: every field of the law, the words of the day it was posted, and nothing that runs."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from salonos.bills import commands
from salonos.bills.commands import NewLine, NewRefund
from salonos.bills.documents import Document, Naming, ReceiptFormat, document_of, drawn
from salonos.bills.documents.content import COMPOSITION
from salonos.customers import commands as customers
from salonos.customers.commands import NewCustomer
from salonos.kernel.database import Database
from salonos.paper.sheet import Sheet
from salonos.salon.rules import TaxScheme
from tests.bills import papers
from tests.bills.makers import CASH, NOW, ON_ACCOUNT, SYSTEM, UPI, Shop, make_shop
from tests.bills.papers import paper, text_of
from tests.catalog.makers import make_product, make_service
from tests.inventory.makers import line as received
from tests.inventory.makers import make_store
from tests.salon.makers import KARNATAKA_GSTIN, make_salon

BUYER = "27AAPFU0939F1ZV"
DEVANAGARI, KANNADA = "प्रिया क्षत्रिय", "ಲಕ್ಷ್ಮೀ ಶ್ರೀನಿವಾಸ್"
ADDRESS = "4/2, MG Road\nMysuru 570001"
SELLER_ADDRESS = "12, 100 Feet Road, Indiranagar, Bengaluru 560038"


async def customer(database: Database, name: str = "Asha Rao") -> UUID:
    """A person with an address."""
    new = NewCustomer(name=name, address=ADDRESS)
    return await database.run(SYSTEM, lambda work: customers.create_customer(work, new))


async def invoice(shop: Shop, **more: Any) -> UUID:
    """The plan's example, sold to a registered customer."""
    customer_id = await customer(shop.database)
    return await shop.check_out((CASH, 200_000), **{"customer_id": customer_id, "buyer_gstin": BUYER, **more})


# --- the law

RULE_46 = {
    "a: name of the supplier": "Nayana Salons LLP",
    "a: address": SELLER_ADDRESS,
    "a: GSTIN": f"GSTIN: {KARNATAKA_GSTIN}",
    "b: consecutive number": "BLR1/2627/00001",
    "c: date of issue": "23 Nov 2026",
    "d: recipient's name": "Asha Rao",
    "d: recipient's address": "4/2, MG Road",
    "d: recipient's GSTIN": f"GSTIN: {BUYER}",
    "e: recipient's state and its code": "State: Maharashtra (27)",
    "g: SAC of the service": "Haircut 999721",
    "g: HSN of the goods": "33059090",
    "h: description": "Argan Serum",
    "i: quantity and unit of goods": "1 NOS 999.00",
    "j: total value": "Total 1,596.62",
    "k: taxable value of a line, after discount": "846.62",
    "l: rate of tax": "846.62 18 % 76.19 76.19 999.00",
    "m: central tax": "CGST 94.94",
    "m: state tax": "SGST 94.94",
    "n: place of supply with the state's name": "Place of supply Karnataka (29)",
    "p: reverse charge": "Reverse charge No",
    "q: signature": "For Nayana Salons LLP Authorised signatory",
    "rate by rate": "5 % 750.00 2.5 % 18.75 2.5 % 18.75 37.50",
    "the other rate": "18 % 846.62 9 % 76.19 9 % 76.19 152.38",
    "total": "Total ₹ 1,787.00",
    "round-off": "Round-off 0.50",
    "in words": "Rupees One Thousand Seven Hundred Eighty-Seven Only",
    "what it is": "TAX INVOICE",
}


async def test_a_tax_invoice_has_every_field_of_rule_46(database: Database) -> None:
    await make_salon(database)
    shop = await make_shop(database)
    bill_id = await invoice(shop, place_of_supply="29")

    text = text_of((await papers.drawn(database, bill_id, ReceiptFormat.A4)).body)

    missing = {name: wanted for name, wanted in RULE_46.items() if wanted not in text}
    assert missing == {}, text


async def test_the_receipt_of_a_taxed_sale_is_a_tax_invoice_too(database: Database) -> None:
    await make_salon(database)
    shop = await make_shop(database)
    bill_id = await invoice(shop, place_of_supply="29")
    wanted = ["Tax Invoice", "Nayana Salons LLP", SELLER_ADDRESS, f"GSTIN {KARNATAKA_GSTIN}", "BLR1/2627/00001",
              "23 Nov 2026", "Customer: Asha Rao", f"Customer's GSTIN: {BUYER}", "4/2, MG Road",
              "State: Maharashtra (27)", "Place of supply: Karnataka (29)", "SAC 999721", "HSN 33059090", "GST 5 %",
              "CGST 2.5 %", "18.75", "SGST 9 %", "76.19", "Round-off", "0.50", "1,787.00",
              "Rupees One Thousand Seven Hundred Eighty-Seven Only", "given 2,000.00, change", "213.00",
              "Tax payable on reverse charge: No", "Authorised signatory"]  # fmt: skip

    found = {form: (await papers.drawn(database, bill_id, form)).body for form in ReceiptFormat}

    pdf = text_of(found[ReceiptFormat.PDF])
    page = " ".join(re.sub(r"<[^>]+>", " ", found[ReceiptFormat.HTML].decode()).replace("&#x27;", "'").split())
    strip = " ".join(" ".join(papers.lines_of(found[ReceiptFormat.ESC_POS])).split())
    for said in (pdf, page, strip):
        flat = said.replace(" ", "")
        assert [each for each in wanted if each.replace(" ", "") not in flat] == [], said


async def test_a_sale_beyond_the_state_shows_igst_alone(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await invoice(shop, place_of_supply="27")

    document = await paper(database, bill_id)
    text = text_of(drawn(document, ReceiptFormat.A4).body)

    assert "Place of supply Maharashtra (27)" in text
    assert "IGST 189.89" in text
    assert "18 % 846.61 18 % 152.39 152.39" in text
    assert "CGST" not in text


async def test_an_unregistered_customers_state_is_asked_for_from_fifty_thousand_on(database: Database) -> None:
    shop = await make_shop(database)
    customer_id = await customer(database)
    many = (replace(shop.haircut, quantity_milli=67_000),)
    small = await shop.check_out((CASH, 200_000), customer_id=customer_id)
    large = await shop.check_out((UPI, 5_276_300), lines=many, customer_id=customer_id)

    of_small = text_of((await papers.drawn(database, small, ReceiptFormat.A4)).body)
    of_large = text_of((await papers.drawn(database, large, ReceiptFormat.A4)).body)

    assert "Asha Rao" in of_small
    assert "MG Road" not in of_small
    assert "Asha Rao 4/2, MG Road Mysuru 570001 State: Karnataka (29)" in of_large


async def test_a_composition_branch_writes_a_bill_of_supply_with_the_heading_of_rule_5(database: Database) -> None:
    shop = await make_shop(database, tax_scheme=TaxScheme.COMPOSITION)
    bill_id = await shop.check_out((CASH, 174_900))

    text = text_of((await papers.drawn(database, bill_id, ReceiptFormat.A4)).body)

    assert f"BILL OF SUPPLY {COMPOSITION}" in text
    assert f"GSTIN: {KARNATAKA_GSTIN}" in text
    assert [each for each in ("CGST", "SGST", "IGST", "Taxable value", "Reverse charge") if each in text] == []


async def test_an_unregistered_branch_uses_no_word_of_gst(database: Database) -> None:
    shop = await make_shop(database, gstin=None, tax_scheme=TaxScheme.UNREGISTERED)
    bill_id = await shop.check_out((CASH, 174_900))

    for form in ReceiptFormat:
        body = (await papers.drawn(database, bill_id, form)).body
        text = text_of(body) if body.startswith(b"%PDF") else body.decode("latin-1")
        assert "Bill" in text or "BILL" in text
        assert (
            re.search(r"gst|tax|supply", re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL), re.IGNORECASE)
            is None
        ), text


async def test_a_credit_note_names_its_invoice(database: Database) -> None:
    await make_salon(database)
    shop = await make_shop(database)
    bill_id = await invoice(shop, place_of_supply="29")
    new = NewRefund(bill_id=bill_id, reason="Did not like it", method=CASH, lines=None, restock=False)
    note_id = await database.run(SYSTEM, lambda work: commands.refund_bill(work, new), now=NOW + timedelta(days=1))

    text = text_of((await papers.drawn(database, note_id, ReceiptFormat.A4)).body)

    for wanted in ("CREDIT NOTE", "Number BLR1C/2627/00001", "Date 24 Nov 2026", "Against BLR1/2627/00001",
                   "Dated 23 Nov 2026", "Reason Did not like it", "Asha Rao", f"GSTIN: {BUYER}", "CGST 94.94",
                   "Paid back: ₹ 1,787.00 Cash", "Total ₹ 1,787.00", "For Nayana Salons LLP"):  # fmt: skip
        assert wanted in text, wanted


async def test_a_bill_that_was_taken_back_says_so(database: Database) -> None:
    shop = await make_shop(database, upi_id="nayana@okhdfc")
    bill_id = await shop.check_out((CASH, 178_700))
    await database.run(
        SYSTEM,
        lambda work: commands.void_bill(work, bill_id, reason="Wrong", expected_version=1, pay_back_by=None),
        now=NOW,
    )

    document = await paper(database, bill_id)
    text = text_of(drawn(document, ReceiptFormat.A4).body)

    assert "CANCELLED TAX INVOICE" in text
    assert "Paid: ₹ 1,787.00 Cash Paid back: ₹ 1,787.00 Cash" in text
    assert (document.balance_due_paise, document.upi_link) == (0, None)
    assert "CANCELLED" in papers.printed(drawn(document, ReceiptFormat.ESC_POS).body).lines


async def test_goods_in_stock_are_counted_in_their_unit(database: Database) -> None:
    store = await make_store(database)
    document = await paper(database, await sold_goods(store))

    assert [line.unit for line in document.lines] == ["", "PCS"]


async def sold_goods(store: Any) -> UUID:
    """A service and something off the shelf."""
    shop = store.shop
    await store.receive(received(store.serum_id, 10_000, 52_000))
    found: UUID = await shop.check_out((CASH, 200_000))
    return found


# --- the day it was posted


async def test_a_paper_says_for_ever_what_it_said_when_the_bill_was_posted(database: Database) -> None:
    await make_salon(database)
    shop = await make_shop(database)
    draft = await shop.create_bill(customer_id=shop.customer_id)
    other = await shop.check_out((CASH, 178_700))
    await database.run(SYSTEM, lambda work: commands.post_bill(work, draft, expected_version=1), now=NOW)
    before = [await paper(database, each) for each in (draft, other)]

    await database.pool.execute("update salons set name = 'Other', legal_name = 'Other Ltd'")
    await database.pool.execute("update branches set name = 'Else', address = 'Elsewhere'")
    await database.pool.execute("update customers set name = 'Somebody Else', first_name = 'Somebody'")
    await database.pool.execute("update services set name = 'Cut', sac_code = '999729'")

    assert [await paper(database, each) for each in (draft, other)] == before
    assert before[0].seller.name == "Nayana"
    assert before[0].customer is not None
    assert before[0].customer.name == "Asha Rao"


async def test_a_customer_who_is_named_later_is_on_the_paper(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await shop.check_out((CASH, 178_700))
    await database.run(
        SYSTEM, lambda work: commands.assign_customer(work, bill_id, shop.customer_id, expected_version=1), now=NOW
    )

    document = await paper(database, bill_id)
    names = await database.pool.fetchval("select buyer_name from bills where id = $1", bill_id)

    assert document.customer is not None
    assert (document.customer.name, names) == ("Asha Rao", "Asha Rao")


async def test_of_somebody_forgotten_the_invoice_keeps_the_name_and_no_address(database: Database) -> None:
    shop = await make_shop(database)
    bill_id = await invoice(shop)
    await database.pool.execute("update customers set person_key = null, name = '', first_name = ''")

    document = await paper(database, bill_id)

    assert document.customer is not None
    assert (document.customer.name, document.customer.address) == ("Asha Rao", "")


async def test_a_draft_and_nothing_have_no_paper(database: Database) -> None:
    shop = await make_shop(database)
    draft = await shop.create_bill()

    assert await document_of(database, draft, Naming.WHOLE) is None
    assert await document_of(database, shop.branch_id, Naming.WHOLE) is None


# --- names, scripts, codes


async def test_devanagari_and_kannada_are_printed_with_their_conjuncts(database: Database) -> None:
    shop = await make_shop(database)
    customer_id = await customer(database, f"{DEVANAGARI} {KANNADA}")
    bill_id = await shop.check_out((CASH, 178_700), customer_id=customer_id)

    document = await paper(database, bill_id)

    for form in (ReceiptFormat.A4, ReceiptFormat.PDF):
        text = text_of(drawn(document, form).body)
        assert DEVANAGARI in text
        assert KANNADA in text
    assert f"Customer: {DEVANAGARI} {KANNADA}" in drawn(document, ReceiptFormat.HTML).body.decode()
    job = papers.printed(drawn(document, ReceiptFormat.ESC_POS).body)
    (picture,) = job.pictures
    assert (picture.width, 20 < picture.height < 60) == (576, True)
    assert 300 < picture.convert("L").histogram()[255] < 6_000


@pytest.mark.parametrize(("text", "signs"), [("क्षत्रिय", 4), ("ಲಕ್ಷ್ಮೀ", 4)])
def test_a_conjunct_is_one_sign_and_not_its_letters(text: str, signs: int) -> None:
    shaped, plain = Sheet(title="", width=800, height=800), Sheet(title="", width=800, height=800)
    plain.pdf.set_text_shaping = lambda **_: None  # type: ignore[method-assign,assignment]  # the mechanism taken away
    found = []

    for sheet in (shaped, plain):
        sheet.add_page()
        sheet.line(text, x=0, y=0, width=800, size=9)
        (font,) = [each for name, each in sheet.pdf.fonts.items() if name != "notosans"]
        glyphs = [glyph for glyph, code in font.subset.items() if glyph and code not in {0, 32}]  # type: ignore[union-attr]
        found.append((len(glyphs), any(len(glyph.unicode) >= 3 for glyph in glyphs)))
        sheet.finished()

    assert found == [(signs, True), (len(set(text)), False)]


async def test_what_is_owed_can_be_paid_by_the_code_on_every_paper(database: Database) -> None:
    await make_salon(database)
    shop = await make_shop(database, upi_id="nayana@okhdfc")
    owed = await shop.check_out((CASH, 78_700), (ON_ACCOUNT, 100_000), customer_id=shop.customer_id)
    paid = await shop.check_out((CASH, 178_700))
    link = "upi://pay?pa=nayana%40okhdfc&pn=Nayana&tr=BLR1%2F2627%2F00001&am=1000.00&cu=INR"

    document, settled = await paper(database, owed), await paper(database, paid)
    of_owed = {form: drawn(document, form).body for form in ReceiptFormat}
    of_paid = {form: drawn(settled, form).body for form in ReceiptFormat}

    assert document.upi_link == link
    for form in (ReceiptFormat.A4, ReceiptFormat.PDF):
        assert papers.codes_of(papers.picture_of(of_owed[form])) == [link]
        assert papers.codes_of(papers.picture_of(of_paid[form])) == []
    assert papers.codes_of(papers.picture_of_svg(of_owed[ReceiptFormat.HTML].decode())) == [link]
    assert "<svg" not in of_paid[ReceiptFormat.HTML].decode()
    assert papers.printed(of_owed[ReceiptFormat.ESC_POS]).codes == [link]
    assert papers.printed(of_paid[ReceiptFormat.ESC_POS]).codes == []


# --- what people wrote


async def test_nothing_that_people_wrote_runs_in_a_page(database: Database) -> None:
    shop = await make_shop(database)
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)> \"'&"
    customer_id = await customer(database, evil)
    service_id = await make_service(database, shop.catalog.service_class_id, name="</style><svg onload=alert(1)>")
    bill_id = await shop.check_out((CASH, 78_800), lines=(NewLine(service_id=service_id),), customer_id=customer_id)

    page = (await papers.drawn(database, bill_id, ReceiptFormat.HTML)).body.decode()

    assert "&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt; &quot;&#x27;&amp;" in page
    tags = set(re.findall(r"</?([a-z]+)", page))
    assert tags <= {"html", "head", "meta", "title", "style", "body", "p", "span", "hr", "br", "doctype"}
    assert page.count("<style>") == page.count("</style>") == 1


async def test_the_drawer_opens_for_cash_and_the_paper_is_cut(database: Database) -> None:
    shop = await make_shop(database)
    cash = await shop.check_out((CASH, 178_700))
    upi = await shop.check_out((UPI, 178_700))

    jobs = [papers.printed((await papers.drawn(database, each, ReceiptFormat.ESC_POS)).body) for each in (cash, upi)]

    assert [(job.kicks, job.cuts) for job in jobs] == [(1, 1), (0, 1)]
    assert all(len(line) <= 48 for job in jobs for line in job.lines)
    assert any(line.endswith("Rs. 1,787.00") for line in jobs[0].lines)


# --- size


async def test_two_hundred_lines_take_several_pages_with_their_titles(database: Database) -> None:
    shop = await make_shop(database)
    product_id = await make_product(
        database, shop.catalog.goods_class_id, "LONG", name="Serum that has a name as long as names may be " * 2
    )
    lines = (shop.haircut,) * 199 + (NewLine(product_id=product_id),)
    total = 199 * 78_750 + 99_900
    bill_id = await shop.check_out((UPI, -(-total // 100) * 100), lines=lines, customer_id=shop.customer_id)

    document: Document = await paper(database, bill_id)
    text = text_of(drawn(document, ReceiptFormat.A4).body)

    assert (text.count("# Description HSN/SAC"), text.count("· page ")) == (4, 5), "the totals have a page of their own"
    assert len(re.findall(r"\b999721\b", text)) == 199
