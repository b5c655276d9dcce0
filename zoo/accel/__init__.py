"""Fast paths of inference, which ``ZOO_PLAIN=1`` turns off: cached networks, OpenVINO.

The rest of zoo calls `kept.cached_runner` and `openvino.compile_graph`, and could do without them:
`zoo.backend.runner` computes every network that Keras can compute.
"""
