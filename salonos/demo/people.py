"""Who works in the demo salon, and who comes: names as they are met in Bengaluru and Mysuru. Nobody of them exists."""

import random
from dataclasses import dataclass
from datetime import date, timedelta

from salonos.customers import rules as customer_rules
from salonos.customers.rules import Gender


@dataclass(frozen=True)
class Member:
    """A member of staff: at which of the branches (all when empty), and the username of those who sign in."""

    name: str
    role: str
    branches: tuple[int, ...] = ()
    username: str | None = None
    is_service_provider: bool = False


STAFF = (
    Member("Nandini Shetty", "OWNER", (), "owner"),
    Member("Farhan Ahmed", "MANAGER", (0, 1), "manager", is_service_provider=True),
    Member("Lakshmi Iyer", "RECEPTIONIST", (0, 1), "receptionist"),
    Member("Priya D'Souza", "STAFF", (0,), "stylist", is_service_provider=True),
    Member("Venkatesh Rao", "ACCOUNTANT", (), "accountant"),
    Member("Manjunath Gowda", "STAFF", (0,), is_service_provider=True),
    Member("Zainab Khan", "STAFF", (1,), is_service_provider=True),
    Member("Suresh Naik", "STAFF", (1,), is_service_provider=True),
)
USERNAMES = tuple(member.username for member in STAFF if member.username)


def _words(text: str) -> list[str]:
    """Names that stand better without quotes."""
    return text.split()


_WOMEN = _words(
    "Aishwarya Ananya Anitha Anjali Ashwini Asha Bhavana Chaitra Deepa Deepika Divya Fathima Gayathri Geetha Harini "
    "Hema Indira Jyothi Kavitha Kavya Keerthi Lavanya Leela Madhuri Malini Mamatha Meera Megha Nagaveni Nayana Neha "
    "Nisha Padma Pallavi Pooja Prathima Priyanka Radhika Ramya Rashmi Rekha Roopa Sandhya Sangeetha Sharada Shilpa "
    "Shruthi Sindhu Sneha Soumya Sowmya Sudha Suma Swathi Tara Usha Vaishnavi Vandana Veena Vidya"
)
_MEN = _words(
    "Abhishek Ajay Akash Amit Anand Anil Arjun Arun Ashok Basavaraj Bharath Chethan Darshan Deepak Ganesh Girish "
    "Guruprasad Harish Imran Jagadish Karthik Kiran Krishna Lokesh Mahesh Manoj Mohan Nagaraj Naveen Nikhil Pavan "
    "Prakash Praveen Raghavendra Rahul Rajesh Rakesh Ramesh Ravi Rohit Sachin Sandeep Santosh Shashank Shreyas "
    "Srinivas Sudeep Sunil Tejas Uday Varun Vijay Vikram Vinay Yashwanth"
)
_FAMILIES = _words(
    "Acharya Bhat Bhandari Chandra Das D'Souza Desai Fernandes Gowda Gupta Hegde Hiremath Iyengar Iyer Jain Joshi "
    "Kamath Kini Kulkarni Kumar Kumari Mallya Menon Mirza Murthy Nair Nayak Pai Patil Pinto Prabhu Prasad Rai Raj Rao "
    "Reddy Sharma Shenoy Shetty Siddiqui Singh Suvarna Swamy Upadhya Urs Verma"
)
_IN_SCRIPT = (
    ("ಅನಿತಾ ಗೌಡ", "F"), ("ಕಾವ್ಯ ಹೆಗಡೆ", "F"), ("ಲಕ್ಷ್ಮೀ ಶೆಟ್ಟಿ", "F"), ("ಮಂಜುಳಾ ರಾವ್", "F"), ("ಸುಮಾ ಭಟ್", "F"),
    ("ಭಾಗ್ಯ ನಾಯಕ್", "F"), ("ಶ್ರೀಲತಾ ಕಾಮತ್", "F"), ("ರವಿಕುಮಾರ್ ಪಾಟೀಲ", "M"), ("ಮಹೇಶ್ ಹಿರೇಮಠ", "M"), ("ಬಸವರಾಜ ಸ್ವಾಮಿ", "M"),
    ("ಕೃಷ್ಣ ಮೂರ್ತಿ", "M"), ("ಪುನೀತ್ ಅರಸ್", "M"), ("प्रिया शर्मा", "F"), ("नेहा गुप्ता", "F"), ("सुनीता वर्मा", "F"),
    ("कविता जोशी", "F"), ("रेखा मिश्रा", "F"), ("पूजा सिंह", "F"), ("राहुल त्रिपाठी", "M"), ("अमित कुमार", "M"),
    ("संजय यादव", "M"), ("विजय देसाई", "M"), ("தமிழ்செல்வி", "F"), ("கார்த்திக் ராஜன்", "M"), ("శ్రీనివాస్ రెడ్డి", "M"),
)  # fmt: skip
_STREETS = (
    "3rd Cross, Indiranagar", "12th Main, HAL 2nd Stage", "CMH Road", "Domlur Layout", "Jeevan Bhima Nagar",
    "Ulsoor Road", "Kuvempunagar, Mysuru", "Jayalakshmipuram, Mysuru", "Vontikoppal, Mysuru", "Gokulam 3rd Stage, Mysuru",
)  # fmt: skip
_NOTES = (
    "Prefers Priya for colour.", "Allergic to ammonia: patch test first.", "Likes tea without sugar.",
    "Sensitive scalp, no hot water.", "Colour formula 6.3 + 20 vol, 35 minutes.", "Always comes with her daughter.",
)  # fmt: skip


@dataclass(frozen=True)
class Guest:
    """A customer."""

    name: str
    gender: Gender
    phone: str | None
    email: str | None
    birth_date: date | None
    address: str | None
    notes: str | None


def guests(count: int, *, seed: int, born_before: date) -> list[Guest]:
    """So many customers, no two of one name or number; a tenth write their names in their own script."""
    chance = random.Random(f"guests {seed}")  # noqa: S311  the same salon for the same seed
    names = _names(count, chance)
    numbers = chance.sample(range(10**8), count)
    return [
        _guest(name, gender, f"+919{number:09d}", chance, born_before)
        for (name, gender), number in zip(names, numbers, strict=True)
    ]


def _names(count: int, chance: random.Random) -> list[tuple[str, str]]:
    latin = [(f"{first} {family}", "F") for first in _WOMEN for family in _FAMILIES]
    latin += [(f"{first} {family}", "M") for first in _MEN for family in _FAMILIES]
    written = list(_IN_SCRIPT[: max(count // 12, 1)])
    found = written + chance.sample(latin, count - len(written))
    chance.shuffle(found)
    return found


def _guest(name: str, gender: str, phone: str, chance: random.Random, born_before: date) -> Guest:
    first = customer_rules.first_name(name).lower()
    email = f"{first}.{phone[-4:]}@example.in" if first.isascii() and chance.random() < 0.5 else None
    return Guest(
        name=name,
        gender=Gender.FEMALE if gender == "F" else Gender.MALE,
        phone=phone,
        email=email,
        birth_date=born_before - timedelta(days=chance.randrange(18 * 366, 65 * 365))
        if chance.random() < 0.6
        else None,
        address=f"{chance.randrange(1, 300)}, {chance.choice(_STREETS)}" if chance.random() < 0.4 else None,
        notes=chance.choice(_NOTES) if chance.random() < 0.15 else None,
    )
