"""What a text tells a stranger who reads it: that there is a debt, how much, how late. When in doubt, it tells."""

import re

from duecourse.policy.spotting import Spotter, small

DEBT, AMOUNT, LATENESS = "debt_exists", "amount", "dpd"

_SIGNS = "$€£¥₹₩₫฿₱"
_CODES = "USD|EUR|GBP|CNY|RMB|INR|IDR|PHP|VND|THB|MXN|BRL|AUD|KRW|MYR|SGD"
#: A number with money beside it, whichever comes first.
_AMOUNT = re.compile(rf"(?:[{_SIGNS}]|\b(?:R\$|RM|Rp|{_CODES}))\s?\d|\d\s?(?:[{_SIGNS}元块圆円원]|(?:{_CODES})\b)")
#: In the languages of texts that anybody shipped; a language that is not here tells nothing to this page, so add to it.
_DEBT = Spotter(
    {
        "debt": "",
        "loan": "",
        "instal": "l*ments?",
        "overdue": "",
        "past due": "",
        "owe": "[sd]?",
        "owing": "",
        "repay": "(?:ments?)?",
        "arrears": "",
        "in default": "",
        **dict.fromkeys(("deuda", "prestamo", "préstamo", "cuota"), ""),
        **dict.fromkeys(("dívida", "divida", "empréstimo", "parcela"), ""),
        **dict.fromkeys(("hutang", "utang", "pinjaman", "cicilan", "tunggakan"), ""),
        **dict.fromkeys(("khoản vay", "trả nợ", "nợ"), ""),
    },
    anywhere=(
        *("欠款", "欠债", "债务", "債務", "贷款", "貸款", "借款", "还款", "還款", "逾期", "账单", "帳單", "分期"),
        *("ローン", "返済", "대출", "연체", "หนี้", "สินเชื่อ"),
    ),
)
_LATENESS = re.compile(
    r"\d+\s*(?:days?|weeks?|months?)\s*(?:late|overdue|past due|behind)|(?:late|overdue|past due)\s*(?:by\s*)?\d+"
    r"|逾期\s*(?:了)?\s*\d+",
    re.IGNORECASE,
)
#: Without one of these nothing is late: far faster to see than the pattern.
_LATE = ("late", "overdue", "past due", "behind", "逾期")
_IS_LATE = "已逾期"
_NUMBER = re.compile(r"\d")


def told(text: str) -> frozenset[str]:
    """Which of `debt_exists`, `amount`, `dpd` the text gives away. How late is also that there is a debt."""
    # Neither is told without a number, and most lock screens hold none.
    numbers = _NUMBER.search(text) is not None
    amount, late = numbers and _AMOUNT.search(text), _IS_LATE in text or (numbers and _is_late(text))
    found = ((AMOUNT, amount), (DEBT, late or _DEBT(text)), (LATENESS, late))
    return frozenset(name for name, yes in found if yes)


def _is_late(text: str) -> bool:
    plain = small(text)
    return any(word in plain for word in _LATE) and _LATENESS.search(text) is not None
