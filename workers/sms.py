"""The sms worker: `dramatiq workers.sms`. Start as many as the providers can carry."""

from duecourse.domain.vocabulary import ChannelKind
from workers.delivery import install

actors = install(ChannelKind.SMS)
