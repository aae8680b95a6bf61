"""The email worker: `dramatiq workers.email`. Start as many as the providers can carry."""

from duecourse.domain.vocabulary import ChannelKind
from workers.delivery import install

deliver = install(ChannelKind.EMAIL)
