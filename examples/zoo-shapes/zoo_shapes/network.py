"""The network of the model ``shapes``."""


def small_cnn(input_shape, units, filters):
    """Return a network with one convolution per number in `filters`; each halves the image."""
    import keras
    from keras import layers

    x = inputs = keras.Input(input_shape)
    for width in filters:
        x = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.GlobalMaxPooling2D()(x)  # whether there is a corner, not where
    return keras.Model(inputs, layers.Dense(units, activation="softmax")(x))
