def dense(input_shape, units, width):
    import keras

    class Scale(keras.layers.Layer):
        """A layer of the plugin's own, with a weight."""

        def build(self, shape):
            self.factor = self.add_weight(shape=(shape[-1],), initializer="ones", name="factor")

        def call(self, x):
            return x * self.factor

    x = inputs = keras.Input(input_shape)
    x = Scale(name="scale")(x)
    x = keras.layers.Dense(width, activation="relu")(x)
    x = keras.layers.BatchNormalization()(x)
    return keras.Model(inputs, keras.layers.Dense(units, activation="softmax")(x))
