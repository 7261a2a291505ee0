# What other rooms use of `adviz.features`. Python reads this file too, see __init__.py.
from .backbone import Backbone as Backbone
from .cache import Cache as Cache
from .cache import contents_digest as contents_digest
from .cache import fingerprint as fingerprint
from .features import Features as Features
from .features import fill_padding as fill_padding
from .features import patches_inside as patches_inside
from .graph import BackboneGraph as BackboneGraph
from .networks import EMBEDDED as EMBEDDED
from .networks import PIXELS as PIXELS
from .networks import REMEDIES as REMEDIES
from .networks import new_timm_name as new_timm_name
from .timm_import import import_timm as import_timm
