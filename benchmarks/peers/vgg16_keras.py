"""One photo classified by VGG16 with weights from a file, written in plain Keras."""

from __future__ import annotations

import sys

import keras
import numpy as np

weights, photo = sys.argv[1:]
network = keras.applications.VGG16(weights=weights)
image = keras.utils.load_img(photo, target_size=(224, 224))
batch = keras.applications.vgg16.preprocess_input(keras.utils.img_to_array(image)[None])
probabilities = network.predict(batch, verbose=0)
print(np.argsort(-probabilities[0])[:5])
