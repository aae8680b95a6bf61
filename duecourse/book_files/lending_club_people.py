"""Borrowers for loans that were published without any: made from the row number, always the same, reachable by nobody.

Numbers lie in 555-0100 to 555-0199, which the North American Numbering Plan keeps for fiction in every area code;
`phonenumbers` accepts them as valid. Mailboxes are at example.com (RFC 2606). Small fixed shares have no address on a
channel, have withdrawn consent, were never asked, or live nowhere known, so that every branch of the gate is walked.
"""

from datetime import UTC, datetime

from duecourse.domain.book_record import BorrowerRecord, PointRecord
from duecourse.domain.territories import MAJORITY_ZONES
from duecourse.domain.vocabulary import ChannelKind, Consent

CONSENT_AT = datetime(2018, 1, 1, tzinfo=UTC)
CONSENT_SOURCE = "loan agreement"

_FICTIONAL = 100
"""555-0100 to 555-0199."""

_GIVEN = (
    "Ada", "Ben", "Carla", "Dev", "Elena", "Femi", "Grace", "Hugo", "Ines", "Jonas", "Keiko", "Liam", "Maya", "Noor",
    "Omar", "Priya", "Quinn", "Rosa", "Sami", "Tessa", "Uma", "Victor", "Wanda", "Ximena", "Yusuf", "Zoe",
)  # fmt: skip
_FAMILY = (
    "Abbott", "Bauer", "Castillo", "Diallo", "Evans", "Fischer", "Garcia", "Hassan", "Ivanov", "Jensen", "Kowalski",
    "Lopez", "Moreau", "Nguyen", "Okafor", "Patel", "Quist", "Romano", "Silva", "Turner", "Ueda", "Vargas", "Weber",
)  # fmt: skip
_GIVEN_ZH = ("伟", "芳", "娜", "敏", "静", "磊", "洋", "艳", "勇", "军", "杰", "娟", "涛", "明", "超", "霞")
_FAMILY_ZH = ("王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林")

#: Area codes of each state (NANPA, as of 2018 or before). Each has a hundred fictional numbers.
AREA_CODES = {
    "AK": (907,), "AL": (205, 251, 256, 334), "AR": (479, 501, 870), "AZ": (480, 520, 602, 623, 928),
    "CA": (209, 213, 310, 323, 408, 415, 510, 530, 559, 562, 619, 626, 650, 661, 707, 714, 760, 805, 818, 831, 858,
           909, 916, 925, 949, 951),
    "CO": (303, 719, 720, 970), "CT": (203, 860), "DC": (202,), "DE": (302,),
    "FL": (239, 305, 321, 352, 386, 407, 561, 727, 754, 772, 786, 813, 850, 863, 904, 941, 954),
    "GA": (229, 404, 478, 678, 706, 770, 912), "HI": (808,), "IA": (319, 515, 563, 641, 712), "ID": (208,),
    "IL": (217, 224, 309, 312, 618, 630, 708, 773, 815, 847), "IN": (219, 260, 317, 574, 765, 812),
    "KS": (316, 620, 785, 913), "KY": (270, 502, 606, 859), "LA": (225, 318, 337, 504, 985),
    "MA": (339, 351, 413, 508, 617, 774, 781, 857, 978), "MD": (240, 301, 410, 443), "ME": (207,),
    "MI": (231, 248, 269, 313, 517, 586, 616, 734, 810, 906, 989), "MN": (218, 320, 507, 612, 651, 763, 952),
    "MO": (314, 417, 573, 636, 660, 816), "MS": (228, 601, 662), "MT": (406,), "NC": (252, 336, 704, 828, 910, 919),
    "ND": (701,), "NE": (308, 402), "NH": (603,), "NJ": (201, 551, 609, 732, 848, 856, 862, 908, 973),
    "NM": (505, 575), "NV": (702, 775),
    "NY": (212, 315, 347, 516, 518, 585, 607, 631, 646, 716, 718, 845, 914, 917),
    "OH": (216, 234, 330, 419, 440, 513, 567, 614, 740, 937), "OK": (405, 580, 918), "OR": (503, 541, 971),
    "PA": (215, 267, 412, 484, 570, 610, 717, 724, 814), "RI": (401,), "SC": (803, 843, 864), "SD": (605,),
    "TN": (423, 615, 731, 865, 901, 931),
    "TX": (210, 214, 254, 281, 325, 361, 409, 432, 512, 682, 713, 806, 817, 830, 832, 903, 915, 936, 940, 956, 972,
           979),
    "UT": (435, 801), "VA": (276, 434, 540, 571, 703, 757, 804), "VT": (802,), "WA": (206, 253, 360, 425, 509),
    "WI": (262, 414, 608, 715, 920), "WV": (304,), "WY": (307,),
}  # fmt: skip


def external_id(number: int) -> str:
    return f"LCB-{number}"


def pays_by_itself(number: int) -> bool:
    """One loan in eight has autopay."""
    return number % 8 == 5  # noqa: PLR2004 - a share, as below


def borrower(row: int, number: int, state: str, turn: int) -> BorrowerRecord:
    """The borrower of the loan of that row number: the `turn`-th of the file, from 0, who lives in `state`."""
    chinese = number % 10 == 3  # noqa: PLR2004
    nowhere = number % 50 == 17  # noqa: PLR2004
    return BorrowerRecord(
        row,
        external_id(number),
        _name(number, chinese=chinese),
        "zh-CN" if chinese else "en",
        "US",
        state,
        None if nowhere else MAJORITY_ZONES[state],
        tuple(_points(number, _phone(state, turn))),
    )


def _name(number: int, *, chinese: bool) -> str:
    if chinese:
        return _FAMILY_ZH[number // 10 % len(_FAMILY_ZH)] + _GIVEN_ZH[number // 160 % len(_GIVEN_ZH)]
    return f"{_GIVEN[number % len(_GIVEN)]} {_FAMILY[number // len(_GIVEN) % len(_FAMILY)]}"


def _points(number: int, phone: str) -> list[PointRecord]:
    """Of 100 borrowers 4 have no number, 35 no app, 7 no mailbox; of each channel a few have not consented."""
    points = []
    if number % 25 != 1:
        points.append(_point(number, ChannelKind.SMS, phone))
    if number % 20 >= 7:  # noqa: PLR2004
        points.append(_point(number, ChannelKind.PUSH, f"sandbox-token-{number}"))
    if number * 7 % 100 >= 7:  # noqa: PLR2004
        points.append(_point(number, ChannelKind.EMAIL, f"borrower-{number}@example.com"))
    return points


def _point(number: int, channel: ChannelKind, address: str) -> PointRecord:
    consent = _consent(number + 13 * _CHANNELS.index(channel))
    if consent is Consent.UNKNOWN:
        return PointRecord(channel.value, address, consent.value, None, None)
    return PointRecord(channel.value, address, consent.value, CONSENT_AT, CONSENT_SOURCE)


def _consent(number: int) -> Consent:
    """Of 100, 3 have withdrawn and 2 were never asked."""
    share = number % 100
    if share < 3:  # noqa: PLR2004
        return Consent.WITHDRAWN
    return Consent.UNKNOWN if share < 5 else Consent.GRANTED  # noqa: PLR2004


def _phone(state: str, turn: int) -> str:
    """Unique for as many borrowers as the state has fictional numbers; beyond that they are shared."""
    codes = AREA_CODES[state]
    return f"+1{codes[turn // _FICTIONAL % len(codes)]}55501{turn % _FICTIONAL:02d}"


_CHANNELS = tuple(ChannelKind)
