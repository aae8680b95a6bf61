"""The push worker: `dramatiq workers.push`. Start as many as the providers can carry."""

from duecourse.domain.vocabulary import ChannelKind
from workers.delivery import install

actors = install(ChannelKind.PUSH)
