# What other rooms use of `adviz.features`. Python reads this file too, see __init__.py.
from .backbone import Backbone as Backbone
from .cache import Cache as Cache
from .cache import contents as contents
from .cache import fingerprint as fingerprint
from .features import Features as Features
from .features import filled as filled
from .features import patches_inside as patches_inside
from .networks import EMBEDDED as EMBEDDED
from .networks import PIXELS as PIXELS
from .networks import REMEDIES as REMEDIES
from .networks import renamed as renamed
