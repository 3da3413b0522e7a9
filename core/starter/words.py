"""General and medical words that the tokenizer should know whole, beside those of the captions."""

ANSWERS = """
adipose; background; debris; lymphocytes; mucus; smooth muscle; normal colon mucosa; cancer-associated
stroma; colorectal adenocarcinoma epithelium; atelectasis; cardiomegaly; effusion; infiltration; mass;
nodule; pneumonia; pneumothorax; consolidation; edema; emphysema; fibrosis; pleural; hernia; actinic
keratoses and intraepithelial carcinoma; basal cell carcinoma; benign keratosis-like lesions;
dermatofibroma; melanoma; melanocytic nevi; vascular lesions; choroidal neovascularization; diabetic
macular edema; drusen; normal; malignant; normal, benign; basophil; eosinophil; erythroblast; immature
granulocytes(myelocytes, metamyelocytes and promyelocytes); immature granulocyte; lymphocyte; monocyte;
neutrophil; platelet; Collecting Duct, Connecting Tubule; Distal Convoluted Tubule; Glomerular
endothelial cells; Interstitial endothelial cells; Leukocytes; Podocytes; Proximal Tubule Segments;
Thick Ascending Limb; bladder; femur-left; femur-right; heart; kidney-left; kidney-right; liver;
lung-left; lung-right; pancreas; spleen; no finding; yes; no; grade 0; grade 1; grade 2; grade 3; grade
4; benign; mild; moderate; severe; proliferative; healthy; tumour; tumor; glioma; meningioma; pituitary;
covid-19; tuberculosis; fracture; glaucoma; cataract; polyp; ulcer; white blood cell; red blood cell
"""

MODALITIES = """
chest X-ray; colon pathology; dermatoscope; retinal OCT; fundus camera; breast ultrasound; blood cell
microscope; kidney cortex microscope; abdominal CT; brain MRI; hand X-ray; pediatric chest X-ray; skin
lesion; histology; mammography; endoscopy; drawn cells
"""

ANSWER_NAMES = tuple(name.strip() for name in ANSWERS.replace("\n", " ").split(";"))
MODALITY_NAMES = tuple(name.strip() for name in MODALITIES.replace("\n", " ").split(";"))

SENTENCES = (
    "Analyze the given image. The possible diagnoses are: What is in this picture? Where is it, and how large is it?",
    "Summarize the provided image in one word. Summarize the provided text in one word. Please point at "
    "the finding. Draw a box",
    "around it. Show the mask of the lesion. Report: The lungs are clear. The heart is normal in size. "
    "There is no pleural",
    "effusion or pneumothorax. Findings and impression. There are several small bright spots near the "
    "upper left corner of the",
    "picture. I think that it shows one of these, but I do not know. The patient was seen before. Answer "
    "the question with one of",
    "the given choices. Which of them is right? Both are. None of these. It can also be said in another "
    "way. A doctor, a nurse, a",
    "person, people, man, woman, child. Day, week, month, year, time. First, second, third, last, next. "
    "More, less, same, other,",
    "different, new, old, good, bad, high, low, long, short, wide, narrow, thick, thin, open, closed, "
    "full, empty, early, late.",
)
