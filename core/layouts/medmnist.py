"""The published facts of the twelve two-dimensional MedMNIST sets (v3), in the one table that knows them.

Source: medmnist.com and the record behind ADDRESS. The modality words are ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from core.case import SPLITS, Kind, Split
from core.errors import DataError

ADDRESS = "https://zenodo.org/records/10519652/files/{file}?download=1"
SIZES = (28, 64, 128, 224)


@dataclass(frozen=True)
class Facts:
    """What is known of a set. `md5` has the checksum of the file of each size, in the order of SIZES."""

    name: str
    modality: str
    answers: tuple[str, ...]
    channels: int
    counts: tuple[int, int, int]
    md5: tuple[str, str, str, str]
    kind: Kind = "single"
    licence: str = "CC BY 4.0"

    def file(self, size: int) -> str:
        """What it is called where it was published."""
        return f"{self.name}.npz" if size == 28 else f"{self.name}_{size}.npz"

    def address(self, size: int) -> str:
        return ADDRESS.format(file=self.file(size))

    def most_bytes(self, size: int) -> int:
        """Of its pictures as they are before the file is compressed."""
        return sum(self.counts) * self.channels * size * size


def facts_named(name: str) -> Facts | None:
    """The set that a whole file name speaks of: `bloodmnist_64`, `blood_28`, `BloodMNIST (1)`; not `blood_cells`."""
    size = "|".join(map(str, SIZES))
    for facts in SETS:
        short = facts.name.removesuffix("mnist")
        if re.fullmatch(rf"{short}([-_ ]?mnist)?([-_ ]?({size}))?( ?\([0-9]+\))?", name.strip().casefold()):
            return facts
    return None


def facts_counted(counts: Mapping[Split, int]) -> Facts | None:
    """The set that has exactly so many cases in each split: no two have the same."""
    in_splits = tuple(counts.get(split, 0) for split in SPLITS)
    return next((facts for facts in SETS if facts.counts == in_splits), None)


def facts_of(name: str) -> Facts:
    """The set of this name, or a DataError that lists the names."""
    facts = facts_named(name)
    if facts is None:
        names = ", ".join(facts.name for facts in SETS)
        raise DataError(f'"{name}" is not a MedMNIST set. Known: {names}.')
    return facts


ORGANS = (
    "bladder",
    "femur-left",
    "femur-right",
    "heart",
    "kidney-left",
    "kidney-right",
    "liver",
    "lung-left",
    "lung-right",
    "pancreas",
    "spleen",
)

SETS: tuple[Facts, ...] = (
    Facts(
        name="pathmnist",
        modality="colon pathology",
        answers=(
            "adipose",
            "background",
            "debris",
            "lymphocytes",
            "mucus",
            "smooth muscle",
            "normal colon mucosa",
            "cancer-associated stroma",
            "colorectal adenocarcinoma epithelium",
        ),
        channels=3,
        counts=(89_996, 10_004, 7_180),
        md5=(
            "a8b06965200029087d5bd730944a56c1",
            "55aa9c1e0525abe5a6b9d8343a507616",
            "ac42d08fb904d92c244187169d1fd1d9",
            "2c51a510bcdc9cf8ddb2af93af1eadec",
        ),
    ),
    Facts(
        name="chestmnist",
        modality="chest X-ray",
        answers=(
            "atelectasis",
            "cardiomegaly",
            "effusion",
            "infiltration",
            "mass",
            "nodule",
            "pneumonia",
            "pneumothorax",
            "consolidation",
            "edema",
            "emphysema",
            "fibrosis",
            "pleural",
            "hernia",
        ),
        channels=1,
        counts=(78_468, 11_219, 22_433),
        md5=(
            "02c8a6516a18b556561a56cbdd36c4a8",
            "9de6cd0b934ebb5b7426cfba5efbae16",
            "db107e5590b27930b62dbaf558aebee3",
            "45bd33e6f06c3e8cdb481c74a89152aa",
        ),
        kind="multi",
    ),
    Facts(
        name="dermamnist",
        modality="dermatoscope",
        answers=(
            "actinic keratoses and intraepithelial carcinoma",
            "basal cell carcinoma",
            "benign keratosis-like lesions",
            "dermatofibroma",
            "melanoma",
            "melanocytic nevi",
            "vascular lesions",
        ),
        channels=3,
        counts=(7_007, 1_003, 2_005),
        md5=(
            "0744692d530f8e62ec473284d019b0c7",
            "b70a2f5635c6199aeaa28c31d7202e1f",
            "2defd784463fa5243564e855ed717de1",
            "8974907d8e169bef5f5b96bc506ae45d",
        ),
        licence="CC BY-NC 4.0",
    ),
    Facts(
        name="octmnist",
        modality="retinal OCT",
        answers=("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
        channels=1,
        counts=(97_477, 10_832, 1_000),
        md5=(
            "c68d92d5b585d8d81f7112f81e2d0842",
            "e229e9440236b774d9f0dfef9d07bdaf",
            "0a97e76651ace45c5d943ee3f65b63ae",
            "abc493b6d529d5de7569faaef2773ba3",
        ),
    ),
    Facts(
        name="pneumoniamnist",
        modality="chest X-ray",
        answers=("normal", "pneumonia"),
        channels=1,
        counts=(4_708, 524, 624),
        md5=(
            "28209eda62fecd6e6a2d98b1501bb15f",
            "8f4eceb4ccffa70c672198ea285246c6",
            "05b46931834c231683c68f40c47b2971",
            "d6a3c71de1b945ea11211b03746c1fe1",
        ),
    ),
    Facts(
        name="retinamnist",
        modality="fundus camera",
        answers=("0", "1", "2", "3", "4"),
        channels=3,
        counts=(1_080, 120, 400),
        md5=(
            "bd4c0672f1bba3e3a89f0e4e876791e4",
            "afda852cc34dcda56f86ad2b2457dbcc",
            "e48e916a24454daf90583d4e6efb1a18",
            "eae7e3b6f3fcbda4ae613ebdcbe35348",
        ),
        kind="ordinal",
    ),
    Facts(
        name="breastmnist",
        modality="breast ultrasound",
        answers=("malignant", "normal, benign"),
        channels=1,
        counts=(546, 78, 156),
        md5=(
            "750601b1f35ba3300ea97c75c52ff8f6",
            "742edef2a1fd1524b2efff4bd7ba9364",
            "363e4b3f8d712e9b5de15470a2aaadf1",
            "b56378a6eefa9fed602bb16d192d4c8b",
        ),
    ),
    Facts(
        name="bloodmnist",
        modality="blood cell microscope",
        answers=(
            "basophil",
            "eosinophil",
            "erythroblast",
            "immature granulocytes(myelocytes, metamyelocytes and promyelocytes)",
            "lymphocyte",
            "monocyte",
            "neutrophil",
            "platelet",
        ),
        channels=3,
        counts=(11_959, 1_712, 3_421),
        md5=(
            "7053d0359d879ad8a5505303e11de1dc",
            "2b94928a2ae4916078ca51e05b6b800b",
            "adace1e0ed228fccda1f39692059dd4c",
            "b718ff6835fcbdb22ba9eacccd7b2601",
        ),
    ),
    Facts(
        name="tissuemnist",
        modality="kidney cortex microscope",
        answers=(
            "Collecting Duct, Connecting Tubule",
            "Distal Convoluted Tubule",
            "Glomerular endothelial cells",
            "Interstitial endothelial cells",
            "Leukocytes",
            "Podocytes",
            "Proximal Tubule Segments",
            "Thick Ascending Limb",
        ),
        channels=1,
        counts=(165_466, 23_640, 47_280),
        md5=(
            "ebe78ee8b05294063de985d821c1c34b",
            "123ece2eba09d0aa5d698fda57103344",
            "61b955355d7425a89687b06cca3ce0c2",
            "b077128c4a949f0a4eb01517f9037b9c",
        ),
    ),
    Facts(
        name="organamnist",
        modality="abdominal CT (axial)",
        answers=ORGANS,
        channels=1,
        counts=(34_561, 6_491, 17_778),
        md5=(
            "68e3f8846a6bd62f0c9bf841c0d9eacc",
            "2dcccc29b88e6da5a01161ef20cda288",
            "eeae80d0a227a8d099027e1b3cfd3b60",
            "50747347e05c87dd3aaf92c49f9f3170",
        ),
    ),
    Facts(
        name="organcmnist",
        modality="abdominal CT (coronal)",
        answers=ORGANS,
        channels=1,
        counts=(12_975, 2_392, 8_216),
        md5=(
            "b9ceb9546e10131b32923c5bbeaea2b1",
            "3ce34a8724ea6f548e6db4744d03b6a9",
            "773c1f009daa3fe5d9a2a201b2a7ed94",
            "050f5e875dc056f6768abf94ec9995d1",
        ),
    ),
    Facts(
        name="organsmnist",
        modality="abdominal CT (sagittal)",
        answers=ORGANS,
        channels=1,
        counts=(13_932, 2_452, 8_827),
        md5=(
            "9ab87b696fb54e2a387ebe992d6ed5f1",
            "53a6d115339d874c25e309a994ff46d3",
            "ded0c5fa01a95dc4978b956f613e9b8e",
            "b354719e553fbbb2513d5533f52a4cb1",
        ),
    ),
)
