"""Bokeh, for users without a home folder too, for which it asks when imported.

To be imported before all that imports Bokeh.
"""

from suncet_jax.devices.host import home_for_libraries

with home_for_libraries():
  import bokeh.settings  # noqa: F401
