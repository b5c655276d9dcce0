"""Facts about the networks of ``keras.applications``: sizes, scaling, weights files, licences.

Hashes and file names are those that Keras 3.15 declares; it has no hashes for MobileNet and
MobileNetV2. Parameters are counted on the networks as zoo builds them, without preprocessing.
"""

from __future__ import annotations

from typing import NamedTuple

BASE = "https://storage.googleapis.com/tensorflow/keras-applications/"


class Family(NamedTuple):
    """What the networks of one paper have in common.

    Attributes
    ----------
    title, paper
        Name for people, and where it was published.
    licence, source
        Licence of the weights, and who released them.
    mode
        Scaling of the pixels (`zoo_vision.image.SCALINGS`).
    minimum
        Smallest height and width, in pixels.
    url
        Address of the weights files; ``{file}`` and ``{notop}`` are filled in for a network.
    notop
        Suffix of the file name of weights without the classifier.
    scaling_layers
        Classes of the layers that Keras puts before the network to scale the pixels.
    ignore
        Names of those layers in the file, which are not in zoo's network.
    """

    title: str
    paper: str
    licence: str
    source: str
    mode: str
    url: str
    notop: str = "_notop"
    minimum: int = 32
    scaling_layers: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


class Network(NamedTuple):
    """One network.

    Attributes
    ----------
    family
        Key of `FAMILIES`.
    function
        Its name in ``keras.applications``.
    size
        Height and width of the images it was trained on, in pixels.
    file
        File name of the weights, without the part that the family adds.
    hashes
        Of the files with and without the classifier: md5, or sha256 (64 digits); None if unknown.
    parameters
        Number of weights of the network with and without the classifier.
    bytes
        Sizes of the two files; None if unknown.
    """

    family: str
    function: str
    size: int
    file: str
    hashes: tuple[str, str] | None
    parameters: tuple[int, int]
    bytes: tuple[int | None, int | None] = (None, None)

    @property
    def minimum(self) -> int:
        """Smallest height and width, in pixels."""
        return FAMILIES[self.family].minimum

    @property
    def scaling_layers(self) -> tuple[str, ...]:
        """Classes of the scaling layers that Keras puts before it."""
        return FAMILIES[self.family].scaling_layers


_KERNELS = "_weights_tf_dim_ordering_tf_kernels{notop}.h5"
_GOOGLE = "https://github.com/tensorflow/models"
_KERAS = "https://github.com/fchollet/deep-learning-models"
_EFFICIENTNET = "https://github.com/tensorflow/tpu"

FAMILIES = {
    "vgg": Family(
        "VGG", "https://arxiv.org/abs/1409.1556", "CC-BY-4.0",
        "https://www.robots.ox.ac.uk/~vgg/research/very_deep/", "caffe",
        f"{BASE}{{file}}/{{file}}{_KERNELS}",
    ),
    "resnet": Family(
        "ResNet", "https://arxiv.org/abs/1512.03385", "MIT",
        "https://github.com/KaimingHe/deep-residual-networks", "caffe",
        f"{BASE}resnet/{{file}}{_KERNELS}",
    ),
    "resnet-v2": Family(
        "ResNetV2", "https://arxiv.org/abs/1603.05027", "BSD-3-Clause",
        "https://github.com/facebookarchive/fb.resnet.torch", "tf",
        f"{BASE}resnet/{{file}}{_KERNELS}",
    ),
    "inception-v3": Family(
        "InceptionV3", "https://arxiv.org/abs/1512.00567", "Apache-2.0", _GOOGLE, "tf",
        f"{BASE}{{file}}/{{file}}{_KERNELS}", minimum=75,
    ),
    "inception-resnet-v2": Family(
        "InceptionResNetV2", "https://arxiv.org/abs/1602.07261", "Apache-2.0", _GOOGLE, "tf",
        f"{BASE}{{file}}/{{file}}{_KERNELS}", minimum=75,
    ),
    "xception": Family(
        "Xception", "https://arxiv.org/abs/1610.02357", "MIT", _KERAS, "tf",
        f"{BASE}{{file}}/{{file}}{_KERNELS}", minimum=71,
    ),
    "mobilenet": Family(
        "MobileNet", "https://arxiv.org/abs/1704.04861", "Apache-2.0", _GOOGLE, "tf",
        f"{BASE}mobilenet/{{file}}{{notop}}.h5", "_no_top",
    ),
    "mobilenet-v2": Family(
        "MobileNetV2", "https://arxiv.org/abs/1801.04381", "Apache-2.0", _GOOGLE, "tf",
        f"{BASE}mobilenet_v2/{{file}}{{notop}}.h5", "_no_top",
    ),
    "mobilenet-v3": Family(
        "MobileNetV3", "https://arxiv.org/abs/1905.02244", "Apache-2.0", _GOOGLE, "tf",
        f"{BASE}mobilenet_v3/{{file}}{{notop}}.h5", "_no_top_v2",
    ),
    "densenet": Family(
        "DenseNet", "https://arxiv.org/abs/1608.06993", "BSD-3-Clause",
        "https://github.com/liuzhuang13/DenseNet", "torch",
        f"{BASE}densenet/{{file}}{_KERNELS}",
    ),
    "nasnet": Family(
        "NASNet", "https://arxiv.org/abs/1707.07012", "Apache-2.0", _GOOGLE, "tf",
        f"{BASE}nasnet/{{file}}{{notop}}.h5", "-no-top",
    ),
    # The files hold the mean and variance of a Normalization layer, those of ImageNet: with the two
    # Rescaling layers around it, this is the mode "torch".
    "efficientnet": Family(
        "EfficientNet", "https://arxiv.org/abs/1905.11946", "Apache-2.0", _EFFICIENTNET, "torch",
        "https://storage.googleapis.com/keras-applications/{file}{notop}.h5",
        scaling_layers=("Rescaling", "Normalization"), ignore=("normalization", "normalization_1"),
    ),
    "efficientnet-v2": Family(
        "EfficientNetV2", "https://arxiv.org/abs/2104.00298", "Apache-2.0",
        "https://github.com/google/automl", "torch", f"{BASE}efficientnet_v2/{{file}}{{notop}}.h5",
    ),
    "efficientnet-v2-large": Family(
        "EfficientNetV2", "https://arxiv.org/abs/2104.00298", "Apache-2.0",
        "https://github.com/google/automl", "centred",
        f"{BASE}efficientnet_v2/{{file}}{{notop}}.h5",
    ),
    "convnext": Family(
        "ConvNeXt", "https://arxiv.org/abs/2201.03545", "MIT",
        "https://github.com/facebookresearch/ConvNeXt", "torch",
        f"{BASE}convnext/{{file}}{{notop}}.h5",
    ),
}  # fmt: skip

NETWORKS = {
    "vgg16": Network(
        "vgg", "VGG16", 224, "vgg16",
        ("64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc"),
        (138_357_544, 14_714_688),
        (553_467_096, 58_889_256),
    ),
    "vgg19": Network(
        "vgg", "VGG19", 224, "vgg19",
        ("cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6"),
        (143_667_240, 20_024_384),
        (574_710_816, 80_134_624),
    ),
    "resnet50": Network(
        "resnet", "ResNet50", 224, "resnet50",
        ("2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626"),
        (25_636_712, 23_587_712),
    ),
    "resnet101": Network(
        "resnet", "ResNet101", 224, "resnet101",
        ("f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21"),
        (44_707_176, 42_658_176),
    ),
    "resnet152": Network(
        "resnet", "ResNet152", 224, "resnet152",
        ("100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c"),
        (60_419_944, 58_370_944),
    ),
    "resnet50-v2": Network(
        "resnet-v2", "ResNet50V2", 224, "resnet50v2",
        ("3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917"),
        (25_613_800, 23_564_800),
    ),
    "resnet101-v2": Network(
        "resnet-v2", "ResNet101V2", 224, "resnet101v2",
        ("6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5"),
        (44_675_560, 42_626_560),
    ),
    "resnet152-v2": Network(
        "resnet-v2", "ResNet152V2", 224, "resnet152v2",
        ("a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33"),
        (60_380_648, 58_331_648),
    ),
    "inception-v3": Network(
        "inception-v3", "InceptionV3", 299, "inception_v3",
        ("9a0d58056eeedaa3f26cb7ebd46da564", "bcbd6486424b2319ff4ef7d526e38f63"),
        (23_851_784, 21_802_784),
    ),
    "inception-resnet-v2": Network(
        "inception-resnet-v2", "InceptionResNetV2", 299, "inception_resnet_v2",
        ("e693bd0210a403b3192acc6073ad2e96", "d19885ff4a710c122648d3b5c3b684e4"),
        (55_873_736, 54_336_736),
    ),
    "xception": Network(
        "xception", "Xception", 299, "xception",
        ("0a58e3b7378bc2990ea3b43d5981f1f6", "b0042744bf5b25fce3cb969f33bebb97"),
        (22_910_480, 20_861_480),
    ),
    "mobilenet": Network(
        "mobilenet", "MobileNet", 224, "mobilenet_1_0_224_tf",
        None,
        (4_253_864, 3_228_864),
        (17_225_924, None),
    ),
    "mobilenet-v2": Network(
        "mobilenet-v2", "MobileNetV2", 224,
        "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224",
        None,
        (3_538_984, 2_257_984),
        (14_536_120, None),
    ),
    "mobilenet-v3-small": Network(
        "mobilenet-v3", "MobileNetV3Small", 224, "weights_mobilenet_v3_small_224_1.0_float",
        ("8768d4c2e7dee89b9d02b2d03d65d862", "d3e8ec802a04aa4fc771ee12a9a9b836"),
        (2_554_968, 939_120),
    ),
    "mobilenet-v3-large": Network(
        "mobilenet-v3", "MobileNetV3Large", 224, "weights_mobilenet_v3_large_224_1.0_float",
        ("59e551e166be033d707958cf9e29a6a7", "07fb09a5933dd0c8eaafa16978110389"),
        (5_507_432, 2_996_352),
    ),
    "densenet121": Network(
        "densenet", "DenseNet121", 224, "densenet121",
        ("9d60b8095a5708f2dcce2bca79d332c7", "30ee3e1110167f948a6b9946edeeb738"),
        (8_062_504, 7_037_504),
    ),
    "densenet169": Network(
        "densenet", "DenseNet169", 224, "densenet169",
        ("d699b8f76981ab1b30698df4c175e90b", "b8c4d4c20dd625c148057b9ff1c1176b"),
        (14_307_880, 12_642_880),
    ),
    "densenet201": Network(
        "densenet", "DenseNet201", 224, "densenet201",
        ("1ceb130c1ea1b78c3bf6114dbdfd8807", "c13680b51ded0fb44dff2d8f86ac8bb1"),
        (20_242_984, 18_321_984),
    ),
    "nasnet-mobile": Network(
        "nasnet", "NASNetMobile", 224, "NASNet-mobile",
        ("020fb642bf7360b370c678b08e0adf61", "1ed92395b5b598bdda52abe5c0dbfd63"),
        (5_326_716, 4_269_716),
    ),
    "nasnet-large": Network(
        "nasnet", "NASNetLarge", 331, "NASNet-large",
        ("11577c9a518f0070763c2b964a382f17", "d81d89dc07e6e56530c4e77faddd61b5"),
        (88_949_818, 84_916_818),
    ),
    "efficientnet-b0": Network(
        "efficientnet", "EfficientNetB0", 224, "efficientnetb0",
        ("902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d"),
        (5_330_564, 4_049_564),
    ),
    "efficientnet-b1": Network(
        "efficientnet", "EfficientNetB1", 240, "efficientnetb1",
        ("1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432"),
        (7_856_232, 6_575_232),
    ),
    "efficientnet-b2": Network(
        "efficientnet", "EfficientNetB2", 260, "efficientnetb2",
        ("b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39"),
        (9_177_562, 7_768_562),
    ),
    "efficientnet-b3": Network(
        "efficientnet", "EfficientNetB3", 300, "efficientnetb3",
        ("ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226"),
        (12_320_528, 10_783_528),
    ),
    "efficientnet-b4": Network(
        "efficientnet", "EfficientNetB4", 380, "efficientnetb4",
        ("18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba"),
        (19_466_816, 17_673_816),
    ),
    "efficientnet-b5": Network(
        "efficientnet", "EfficientNetB5", 456, "efficientnetb5",
        ("ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f"),
        (30_562_520, 28_513_520),
    ),
    "efficientnet-b6": Network(
        "efficientnet", "EfficientNetB6", 528, "efficientnetb6",
        ("165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743"),
        (43_265_136, 40_960_136),
    ),
    "efficientnet-b7": Network(
        "efficientnet", "EfficientNetB7", 600, "efficientnetb7",
        ("8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a"),
        (66_658_680, 64_097_680),
    ),
    "efficientnet-v2-b0": Network(
        "efficientnet-v2", "EfficientNetV2B0", 224, "efficientnetv2-b0",
        ("21ecbf6da12460d5c40bb2f29ceb2188", "893217f2bb855e2983157299931e43ff"),
        (7_200_312, 5_919_312),
    ),
    "efficientnet-v2-b1": Network(
        "efficientnet-v2", "EfficientNetV2B1", 240, "efficientnetv2-b1",
        ("069f0534ff22adf035c89e2d9547a9dc", "0e80663031ca32d657f9caa404b6ec37"),
        (8_212_124, 6_931_124),
    ),
    "efficientnet-v2-b2": Network(
        "efficientnet-v2", "EfficientNetV2B2", 260, "efficientnetv2-b2",
        ("424e49f28180edbde1e94797771950a7", "1dfe2e7a5d45b6632553a8961ea609eb"),
        (10_178_374, 8_769_374),
    ),
    "efficientnet-v2-b3": Network(
        "efficientnet-v2", "EfficientNetV2B3", 300, "efficientnetv2-b3",
        ("1f1fc43bd98a6e4fd8fdfd551e02c7a0", "f6abf7b5849ac99a89b50dd3fd532856"),
        (14_467_622, 12_930_622),
    ),
    "efficientnet-v2-s": Network(
        "efficientnet-v2-large", "EfficientNetV2S", 384, "efficientnetv2-s",
        ("e1d88a8495beba45748fedd0cecbe016", "af0682fb74e8c54910f2d4393339c070"),
        (21_612_360, 20_331_360),
    ),
    "efficientnet-v2-m": Network(
        "efficientnet-v2-large", "EfficientNetV2M", 480, "efficientnetv2-m",
        ("a3bf6aa3276309f4fc6a34aa114c95cd", "1b8dc055df72dde80d614482840fe342"),
        (54_431_388, 53_150_388),
    ),
    "efficientnet-v2-l": Network(
        "efficientnet-v2-large", "EfficientNetV2L", 480, "efficientnetv2-l",
        ("27e6d408b53c7ebc868fefa357689935", "b0b66b5c863aef5b46e8608fe1711615"),
        (119_027_848, 117_746_848),
    ),
    "convnext-tiny": Network(
        "convnext", "ConvNeXtTiny", 224, "convnext_tiny",
        (
            "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff",
            "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
        ),
        (28_589_128, 27_820_128),
    ),
    "convnext-small": Network(
        "convnext", "ConvNeXtSmall", 224, "convnext_small",
        (
            "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c",
            "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab",
        ),
        (50_223_688, 49_454_688),
    ),
    "convnext-base": Network(
        "convnext", "ConvNeXtBase", 224, "convnext_base",
        (
            "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6",
            "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
        ),
        (88_591_464, 87_566_464),
    ),
    "convnext-large": Network(
        "convnext", "ConvNeXtLarge", 224, "convnext_large",
        (
            "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6",
            "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd",
        ),
        (197_767_336, 196_230_336),
    ),
    "convnext-xlarge": Network(
        "convnext", "ConvNeXtXLarge", 224, "convnext_xlarge",
        (
            "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee",
            "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05",
        ),
        (350_196_968, 348_147_968),
    ),
}  # fmt: skip
