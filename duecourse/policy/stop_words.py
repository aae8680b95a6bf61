"""Does this reply ask us to stop? When in doubt, yes: a needless opt-out can be undone, a needless message cannot.

English words are those that 47 CFR 64.1200(a)(10) takes as a revocation by themselves; the Chinese ones are those that
the senders' own templates teach ("reply TD / T / R / N to refuse").
"""

import re
import unicodedata

_WORDS = frozenset({
    # English
    "stop", "stopall", "quit", "end", "revoke", "cancel", "unsubscribe", "optout", "opt out", "opt-out", "remove",
    # Chinese: what templates teach, and what people write
    "td", "t", "r", "n", "退订", "退訂", "拒收", "拒绝", "拒絕", "取消", "停止", "停", "退", "不要再发", "别再发",
    "别发了", "不要发了",
    # Spanish, Portuguese, French, German, Italian, Indonesian, Vietnamese, Filipino
    "alto", "parar", "pare", "baja", "cancelar", "sair", "arret", "arrêt", "arreter", "stopp", "abmelden", "ferma",
    "berhenti", "huy", "hủy", "tigil",
    # Russian, Japanese, Korean, Hindi, Arabic
    "стоп", "配信停止", "수신거부", "중지", "बंद", "إيقاف", "توقف", "الغاء",
})  # fmt: skip

#: Words that change nothing about a demand to stop.
_FILLERS = frozenset({
    "please", "pls", "plz", "now", "thanks", "thank", "you", "all", "it", "this", "me", "sms", "text", "texts",
    "texting", "message", "messages", "messaging", "msg", "msgs", "email", "emails", "emailing", "sending",
    "contacting", "calling", "mailing", "immediately", "the", "these", "here", "my", "number",
    "por", "favor", "bitte", "danke",
})  # fmt: skip

#: Anywhere in the text.
_PHRASES = (
    "stop texting", "stop messaging", "stop sending", "stop contacting", "stop calling", "stop emailing",
    "do not contact", "don't contact", "dont contact", "do not text", "don't text", "dont text", "do not message",
    "don't message", "do not call", "don't call", "do not email", "don't email", "leave me alone", "remove me",
    "take me off", "opt me out", "unsubscribe me", "no more messages", "no more texts", "no more emails",
    "不要再发", "别再发", "不要再联系", "别再联系", "不要发短信", "别发短信", "停止发送", "请勿打扰", "不要给我发",
    "不要再發", "別再發", "不要再聯繫",
)  # fmt: skip

#: Also Chinese politeness, which no gap sets off.
_EDGES = re.compile(r"^(?:[\W_]|请|請|麻烦)+|(?:[\W_]|谢谢|谢了|吧)+$")
_GAPS = re.compile(r"[\s,.!?;:、，。！？；]+")


def asks_to_stop(text: str) -> bool:
    """True for a stop word alone or among mere politeness, and for a phrase that cannot mean anything else."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    bare = _EDGES.sub("", folded)
    if bare in _WORDS:
        return True
    words = [word for word in _GAPS.split(bare) if word and word not in _FILLERS]
    if len(words) == 1 and len(words[0]) > 1 and words[0] in _WORDS:
        return True
    return any(phrase in " ".join(_GAPS.split(folded)) for phrase in _PHRASES)
