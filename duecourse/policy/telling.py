"""What a text tells a stranger who reads it: that there is a debt, how much, how late. When in doubt, it tells."""

import re

DEBT, AMOUNT, LATENESS = "debt_exists", "amount", "dpd"

_SIGNS = "$€£¥₹₩₫฿₱"
_CODES = "USD|EUR|GBP|CNY|RMB|INR|IDR|PHP|VND|THB|MXN|BRL|AUD|KRW|MYR|SGD"
#: A number with money beside it, whichever comes first.
_AMOUNT = re.compile(rf"(?:[{_SIGNS}]|\b(?:R\$|RM|Rp|{_CODES}))\s?\d|\d\s?(?:[{_SIGNS}元块圆円원]|(?:{_CODES})\b)")
#: In the languages of texts that anybody shipped; a language that is not here tells nothing to this page, so add to it.
_DEBT = re.compile(
    r"(?<![a-z])(?:debt|loan|instal+ments?|overdue|past due|owe[sd]?|owing|repay(?:ments?)?|arrears|in default"
    r"|deuda|prestamo|préstamo|cuota|dívida|divida|empréstimo|parcela|hutang|utang|pinjaman|cicilan|tunggakan"
    r"|khoản vay|trả nợ|nợ)(?![a-z])"
    r"|欠款|欠债|债务|債務|贷款|貸款|借款|还款|還款|逾期|账单|帳單|分期|ローン|返済|대출|연체|หนี้|สินเชื่อ",
    re.IGNORECASE,
)
_LATENESS = re.compile(
    r"\d+\s*(?:days?|weeks?|months?)\s*(?:late|overdue|past due|behind)|(?:late|overdue|past due)\s*(?:by\s*)?\d+"
    r"|逾期\s*(?:了)?\s*\d+|已逾期",
    re.IGNORECASE,
)


def told(text: str) -> frozenset[str]:
    """Which of `debt_exists`, `amount`, `dpd` the text gives away. How late is also that there is a debt."""
    patterns = ((AMOUNT, _AMOUNT), (DEBT, _DEBT), (LATENESS, _LATENESS))
    found = {name for name, pattern in patterns if pattern.search(text)}
    return frozenset(found | {DEBT} if LATENESS in found else found)
