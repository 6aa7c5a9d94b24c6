/* SPDX-License-Identifier: Apache-2.0 */
#include "shop/demo_text.h"

/* Kinds of one root stand together. */
const struct sut_demo_kind sut_demo_kinds[SUT_DEMO_KINDS] = {
    { "Dresses", "Maxi Dresses", "Maxi Dress", "Floor-length dresses for every day.", 64900, 4500,
      SUT_DEMO_BODY },
    { "Dresses", "Midi Dresses", "Midi Dress", "Dresses that end below the knee.", 54900, 4000,
      SUT_DEMO_BODY },
    { "Dresses", "Evening Gowns", "Evening Gown", "For weddings and long evenings.", 149900, 19500,
      SUT_DEMO_BODY },
    { "Dresses", "Abayas", "Abaya", "Open and closed abayas.", 79900, 6500, SUT_DEMO_BODY },
    { "Tops", "Tunics", "Tunic", "Long tunics to wear over trousers.", 34900, 2500, SUT_DEMO_BODY },
    { "Tops", "Blouses", "Blouse", "Blouses with room to move.", 29900, 2500, SUT_DEMO_BODY },
    { "Tops", "Long Shirts", "Long Shirt", "Shirts that cover the hip.", 32900, 2000,
      SUT_DEMO_BODY },
    { "Tops", "Knitwear", "Knit Jumper", "Warm layers without weight.", 39900, 3500,
      SUT_DEMO_BODY },
    { "Bottoms", "Maxi Skirts", "Maxi Skirt", "Skirts to the floor.", 39900, 3000, SUT_DEMO_LEGS },
    { "Bottoms", "Wide-Leg Trousers", "Wide-Leg Trousers", "Wide, pleated and easy.", 44900, 3000,
      SUT_DEMO_LEGS },
    { "Bottoms", "Culottes", "Culottes", "Between a skirt and trousers.", 36900, 2500,
      SUT_DEMO_LEGS },
    { "Outerwear", "Kimonos", "Kimono", "Light layers for the evening.", 49900, 4000,
      SUT_DEMO_BODY },
    { "Outerwear", "Coats", "Coat", "Coats that reach past the knee.", 129900, 15500,
      SUT_DEMO_BODY },
    { "Outerwear", "Cardigans", "Cardigan", "Long cardigans, open or buttoned.", 44900, 3500,
      SUT_DEMO_BODY },
    { "Headwear", "Hijabs", "Hijab", "Scarves that stay where they are put.", 12900, 1000,
      SUT_DEMO_HEAD },
    { "Headwear", "Shawls", "Shawl", "Wide shawls for the head and the shoulders.", 19900, 1500,
      SUT_DEMO_HEAD },
    { "Headwear", "Turbans", "Turban", "Ready to wear, no pins.", 14900, 1000, SUT_DEMO_HEAD },
    { "Headwear", "Undercaps", "Undercap", "What holds it all in place.", 7900, 500,
      SUT_DEMO_HEAD },
};

const char *const sut_demo_lines[SUT_DEMO_LINES] = {
    "Amara",  "Élan",    "Safiya",  "Chloé",   "Layla",  "Noor",   "Zoë",    "Imani",
    "Thandi", "Soraya",  "Inès",    "Yasmin",  "Farah",  "Lerato", "Anaïs",  "Huda",
    "Mariam", "Renée",   "Zanele",  "Aaliyah", "Salomé", "Dalia",  "Nandi",  "Rania",
    "Esmé",   "Jamila",  "Palesa",  "Samira",  "Helena", "Karima", "Naledi", "Vera",
    "Amina",  "Beatriz", "Candace", "Sabiha",  "Ayanda", "Miriam", "Latifa", "Rosalía",
};

const char *const sut_demo_fabrics[SUT_DEMO_FABRICS][2] = {
    { "Linen", "breathable linen" },
    { "Crepe", "matte crepe that does not crease" },
    { "Jersey", "soft jersey with a little stretch" },
    { "Chiffon", "double-layered chiffon" },
    { "Cotton", "organic cotton" },
    { "Satin", "heavy satin with a quiet shine" },
    { "Viscose", "flowing viscose" },
    { "Denim", "light washed denim" },
    { "Wool", "fine merino wool" },
    { "Silk", "washed silk" },
    { "Tencel", "cool Tencel twill" },
    { "Bamboo", "silky bamboo" },
};

const char *const sut_demo_covers[SUT_DEMO_CUTS][3] = {
    { "Long sleeves, floor length and a high neck.", "Three-quarter sleeves and a midi length.",
      "Short sleeves and a length to the knee." },
    { "Falls to the floor, fully lined.", "Falls to the calf, lined to the knee.",
      "Falls to the knee, unlined." },
    { "Covers the hair, the neck and the shoulders.", "Covers the hair and the neck.",
      "Covers the hair." },
};

const char *const sut_demo_details[SUT_DEMO_DETAILS] = {
    "With deep side pockets.",
    "With covered buttons down the front.",
    "With a tie belt that can be left off.",
    "With a pleated panel at the back.",
    "With hand-stitched edges.",
    "With wide cuffs & a concealed zip.",
    "With a fine embroidered border.",
    "With an elastic waist at the back.",
    "With a soft, opaque lining.",
    "With a scalloped hem.",
};

const char *const sut_demo_cares[SUT_DEMO_CARES] = {
    "Machine wash cold, dry in the shade.",     "Hand wash, iron on the reverse.",
    "Machine wash at 30 °C with like colours.", "Dry clean.",
    "Wash cold inside out, do not tumble dry.",
};

const struct sut_demo_color sut_demo_colors[SUT_DEMO_COLORS] = {
    { "Black", "BLK" },      { "Navy", "NVY" },     { "Ivory", "IVO" },   { "Olive", "OLV" },
    { "Burgundy", "BUR" },   { "Sand", "SND" },     { "Emerald", "EMR" }, { "Dusty Rose", "DRS" },
    { "Charcoal", "CHR" },   { "Mustard", "MUS" },  { "Teal", "TEA" },    { "Lilac", "LIL" },
    { "Terracotta", "TER" }, { "Sky Blue", "SKY" },
};
