"""What the demo salon sells: tax classes with their dated rates, 60 services, 40 products.

Codes: services are SAC group 99972 (999721 hairdressing and barbers, 999722 cosmetic treatment, manicure, pedicure,
999723 physical well-being, 999729 other beauty treatment); goods carry their own HSN. The rates are those of
Notification 15/2025-Central Tax (Rate) from 2025-09-22 and those before it.
"""

from dataclasses import dataclass
from datetime import date

GST_BEGAN, REFORM = date(2017, 7, 1), date(2025, 9, 22)
GOODS_CUT, APPLIANCES_CUT = date(2017, 11, 15), date(2018, 7, 27)
"""When most cosmetics, and then hair dryers, came down to 18 %."""


@dataclass(frozen=True)
class TaxClass:
    """A class and its rates: from when, hundredths of a percent, whether input credit may be taken."""

    name: str
    rates: tuple[tuple[date, int, bool], ...]


SERVICES_CLASS = TaxClass("Beauty and well-being services", ((GST_BEGAN, 1800, True), (REFORM, 500, False)))
CARE_CLASS = TaxClass("Shampoo, hair oil, soap, shaving, powder", ((GOODS_CUT, 1800, True), (REFORM, 500, True)))
COMBS_CLASS = TaxClass("Combs and hair slides", ((GOODS_CUT, 1200, True), (REFORM, 500, True)))
COSMETICS_CLASS = TaxClass("Cosmetics, hair dye, skin care", ((GOODS_CUT, 1800, True),))
APPLIANCES_CLASS = TaxClass("Appliances", ((APPLIANCES_CUT, 1800, True),))
TAX_CLASSES = (SERVICES_CLASS, CARE_CLASS, COMBS_CLASS, COSMETICS_CLASS, APPLIANCES_CLASS)


@dataclass(frozen=True)
class Service:
    """A service: price in rupees without tax; `guests` are F, M or both."""

    name: str
    category: str
    sac_code: str
    minutes: int
    rupees: int
    guests: str = "FM"


@dataclass(frozen=True)
class Product:
    """A product: prices in rupees, the selling price with tax (MRP), the cost without."""

    sku: str
    name: str
    category: str
    hsn_code: str
    tax_class: TaxClass
    rupees: int
    cost_rupees: int
    is_retail: bool = True


_HAIR, _BEAUTY, _WELLBEING, _OTHER = "999721", "999722", "999723", "999729"

SERVICES = (
    Service("Haircut, women", "Hair", _HAIR, 45, 750, "F"),
    Service("Haircut, men", "Hair", _HAIR, 30, 350, "M"),
    Service("Haircut, girl under 10", "Hair", _HAIR, 30, 400, "F"),
    Service("Haircut, boy under 10", "Hair", _HAIR, 25, 250, "M"),
    Service("Fringe trim", "Hair", _HAIR, 15, 200, "F"),
    Service("Shampoo and blow-dry", "Hair", _HAIR, 40, 600, "F"),
    Service("Shampoo and conditioning", "Hair", _HAIR, 25, 350),
    Service("Ironing", "Hair", _HAIR, 45, 800, "F"),
    Service("Tongs and curls", "Hair", _HAIR, 50, 900, "F"),
    Service("Party hairdo", "Hair", _HAIR, 60, 1500, "F"),
    Service("Bridal hairdo", "Bridal", _HAIR, 90, 4500, "F"),
    Service("Root touch-up", "Colour", _HAIR, 75, 1400, "F"),
    Service("Root touch-up, ammonia-free", "Colour", _HAIR, 75, 1700, "F"),
    Service("Global colour, short hair", "Colour", _HAIR, 90, 2500),
    Service("Global colour, long hair", "Colour", _HAIR, 150, 4200, "F"),
    Service("Highlights, half head", "Colour", _HAIR, 120, 3500, "F"),
    Service("Highlights, full head", "Colour", _HAIR, 180, 5500, "F"),
    Service("Balayage", "Colour", _HAIR, 210, 7500, "F"),
    Service("Hair colour, men", "Colour", _HAIR, 45, 800, "M"),
    Service("Beard colour", "Colour", _HAIR, 20, 350, "M"),
    Service("Henna application", "Colour", _HAIR, 60, 700),
    Service("Hair spa", "Hair treatment", _HAIR, 60, 1200),
    Service("Keratin treatment", "Hair treatment", _HAIR, 180, 6500, "F"),
    Service("Smoothening", "Hair treatment", _HAIR, 240, 7500, "F"),
    Service("Anti-dandruff treatment", "Hair treatment", _HAIR, 60, 1300),
    Service("Hair-fall treatment", "Hair treatment", _HAIR, 60, 1500),
    Service("Beard trim and shape", "Barber", _HAIR, 20, 200, "M"),
    Service("Clean shave", "Barber", _HAIR, 20, 180, "M"),
    Service("Royal shave with hot towel", "Barber", _HAIR, 35, 400, "M"),
    Service("Haircut and beard", "Barber", _HAIR, 45, 500, "M"),
    Service("Head massage, coconut oil", "Well-being", _WELLBEING, 30, 450),
    Service("Head massage, almond oil", "Well-being", _WELLBEING, 30, 550),
    Service("Foot reflexology", "Well-being", _WELLBEING, 45, 900),
    Service("Swedish massage", "Well-being", _WELLBEING, 60, 2200),
    Service("Deep tissue massage", "Well-being", _WELLBEING, 60, 2500),
    Service("Body polish", "Well-being", _WELLBEING, 75, 2800, "F"),
    Service("Threading, eyebrows", "Threading", _OTHER, 10, 60, "F"),
    Service("Threading, upper lip", "Threading", _OTHER, 5, 40, "F"),
    Service("Threading, full face", "Threading", _OTHER, 25, 220, "F"),
    Service("Waxing, full arms", "Waxing", _OTHER, 25, 450, "F"),
    Service("Waxing, full legs", "Waxing", _OTHER, 40, 700, "F"),
    Service("Waxing, underarms", "Waxing", _OTHER, 10, 200, "F"),
    Service("Rica waxing, full arms", "Waxing", _OTHER, 25, 750, "F"),
    Service("Rica waxing, full legs", "Waxing", _OTHER, 40, 1100, "F"),
    Service("Chest and back waxing, men", "Waxing", _OTHER, 60, 1400, "M"),
    Service("Manicure, classic", "Hands and feet", _BEAUTY, 40, 550),
    Service("Manicure, spa", "Hands and feet", _BEAUTY, 50, 850, "F"),
    Service("Pedicure, classic", "Hands and feet", _BEAUTY, 45, 650),
    Service("Pedicure, spa", "Hands and feet", _BEAUTY, 60, 1050),
    Service("Gel nail polish", "Hands and feet", _BEAUTY, 45, 900, "F"),
    Service("Nail art, per hand", "Hands and feet", _BEAUTY, 30, 500, "F"),
    Service("Clean-up, fruit", "Face", _BEAUTY, 35, 700),
    Service("Clean-up, charcoal", "Face", _BEAUTY, 35, 800, "M"),
    Service("Facial, gold", "Face", _BEAUTY, 60, 1800),
    Service("Facial, hydrating", "Face", _BEAUTY, 60, 2400, "F"),
    Service("Detan, face and neck", "Face", _BEAUTY, 25, 600),
    Service("Bleach, face", "Face", _BEAUTY, 20, 450, "F"),
    Service("Party make-up", "Make-up", _BEAUTY, 60, 3000, "F"),
    Service("Saree draping", "Make-up", _OTHER, 20, 500, "F"),
    Service("Bridal make-up", "Bridal", _BEAUTY, 120, 15000, "F"),
)

PRODUCTS = (
    Product("SHM-ARG-250", "Argan Shampoo 250 ml", "Hair care", "33051090", CARE_CLASS, 649, 380),
    Product("SHM-DND-200", "Anti-Dandruff Shampoo 200 ml", "Hair care", "33051090", CARE_CLASS, 525, 300),
    Product("SHM-KER-300", "Keratin Shampoo 300 ml", "Hair care", "33051090", CARE_CLASS, 899, 520),
    Product("SHM-KID-200", "Children's Shampoo 200 ml", "Hair care", "33051090", CARE_CLASS, 349, 190),
    Product("OIL-COC-200", "Coconut Hair Oil 200 ml", "Hair care", "33059011", CARE_CLASS, 249, 140),
    Product("OIL-ALM-100", "Almond Hair Oil 100 ml", "Hair care", "33059011", CARE_CLASS, 299, 165),
    Product("OIL-BHR-200", "Bhringraj Hair Oil 200 ml", "Hair care", "33059019", CARE_CLASS, 399, 225),
    Product("CND-ARG-250", "Argan Conditioner 250 ml", "Hair care", "33059090", COSMETICS_CLASS, 699, 400),
    Product("CND-KER-300", "Keratin Conditioner 300 ml", "Hair care", "33059090", COSMETICS_CLASS, 949, 550),
    Product("SER-ARG-100", "Argan Serum 100 ml", "Hair care", "33059090", COSMETICS_CLASS, 999, 560),
    Product("SER-FRZ-050", "Anti-Frizz Serum 50 ml", "Hair care", "33059090", COSMETICS_CLASS, 549, 300),
    Product("MSK-REP-200", "Repair Hair Mask 200 g", "Hair care", "33059090", COSMETICS_CLASS, 849, 470),
    Product("SPR-HLD-200", "Hair Spray 200 ml", "Styling", "33053000", COSMETICS_CLASS, 599, 330),
    Product("WAX-MAT-075", "Matte Hair Wax 75 g", "Styling", "33059090", COSMETICS_CLASS, 425, 230),
    Product("GEL-STR-150", "Styling Gel 150 ml", "Styling", "33059090", COSMETICS_CLASS, 275, 150),
    Product("DYE-BLK-100", "Hair Colour, Black 100 g", "Colour", "33059040", COSMETICS_CLASS, 450, 250),
    Product("DYE-BRN-100", "Hair Colour, Brown 100 g", "Colour", "33059040", COSMETICS_CLASS, 450, 250),
    Product("HRB-COL-200", "Herbal Hair Colour 200 g", "Colour", "33059040", COSMETICS_CLASS, 180, 95),
    Product("CMB-WOD-001", "Neem Wood Comb", "Tools", "96151900", COMBS_CLASS, 249, 120),
    Product("CMB-TAI-001", "Tail Comb", "Tools", "96151100", COMBS_CLASS, 99, 40),
    Product("DRY-PRO-001", "Hair Dryer 1800 W", "Tools", "85163100", APPLIANCES_CLASS, 2499, 1600),
    Product("STR-CER-001", "Hair Straightener", "Tools", "85163200", APPLIANCES_CLASS, 2999, 1950),
    Product("SHV-CRM-100", "Shaving Cream 100 g", "Men's care", "33071010", CARE_CLASS, 199, 105),
    Product("SHV-AFT-100", "After-Shave Lotion 100 ml", "Men's care", "33071090", CARE_CLASS, 349, 190),
    Product("BRD-OIL-030", "Beard Oil 30 ml", "Men's care", "33059019", CARE_CLASS, 399, 210),
    Product("BRD-BLM-050", "Beard Balm 50 g", "Men's care", "33059090", COSMETICS_CLASS, 425, 225),
    Product("CRM-DAY-050", "Day Cream SPF 15 50 g", "Skin care", "33049910", COSMETICS_CLASS, 599, 330),
    Product("CRM-NGT-050", "Night Cream 50 g", "Skin care", "33049910", COSMETICS_CLASS, 649, 360),
    Product("SUN-050-050", "Sunscreen SPF 50 50 g", "Skin care", "33049990", COSMETICS_CLASS, 549, 300),
    Product("FWS-NEM-100", "Neem Face Wash 100 ml", "Skin care", "34013090", COSMETICS_CLASS, 249, 130),
    Product("TNR-ROS-100", "Rose Water Toner 100 ml", "Skin care", "33049990", COSMETICS_CLASS, 299, 155),
    Product("PWD-TLC-100", "Sandal Talcum Powder 100 g", "Skin care", "33049120", CARE_CLASS, 149, 75),
    Product("PWD-CMP-009", "Compact Face Powder 9 g", "Make-up", "33049110", CARE_CLASS, 399, 210),
    Product("LIP-MAT-004", "Matte Lipstick", "Make-up", "33041000", COSMETICS_CLASS, 499, 260),
    Product("KJL-BLK-001", "Kajal Pencil", "Make-up", "33042000", COSMETICS_CLASS, 299, 150),
    Product("NLP-RED-009", "Nail Polish 9 ml", "Make-up", "33043000", COSMETICS_CLASS, 199, 95),
    Product("SOP-SDL-125", "Sandalwood Soap 125 g", "Bath", "34011190", CARE_CLASS, 120, 62),
    Product("DEO-SPR-150", "Deodorant 150 ml", "Bath", "33072000", COSMETICS_CLASS, 299, 165),
    Product(
        "PRO-WAX-800", "Rica Wax 800 ml (salon use)", "Salon use", "33079090", COSMETICS_CLASS, 0, 780, is_retail=False
    ),
    Product(
        "PRO-DEV-900", "Developer 900 ml (salon use)", "Salon use", "33059090", COSMETICS_CLASS, 0, 340, is_retail=False
    ),
)
