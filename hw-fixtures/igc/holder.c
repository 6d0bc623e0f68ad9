/* SPDX-License-Identifier: Apache-2.0 */
#include "holder.h"

#include <stdio.h>
#include <string.h>

#include "hw-fixtures/vcps/p15.h"

const struct holder HOLDERS[] = {
    {.card = "physician",
     .rpps = "9970000101",
     .family = "VALMONT",
     .given = "ADELINE",
     .title = "Médecin",
     .profession = "10",
     .speciality = "SM26",
     .serial = "29900101",
     .pin = "1234",
     .own_signature_key = true,
     .practices = {{1, "CABINET DU DR VALMONT", "499700000000010", "SA07"},
                   {2, "HOPITAL DES TROIS VALLEES", "100000000000018", "SA01"}}},
    {.card = "nurse",
     .rpps = "9970000202",
     .family = "BRISSAC",
     .given = "YANN",
     .title = "Infirmier",
     .profession = "60",
     .serial = "29900202",
     .pin = "2345",
     .own_signature_key = true,
     .practices = {{1, "HOPITAL DES TROIS VALLEES", "100000000000018", "SA01"}}},
    {.card = "pharmacist",
     .rpps = "9970000303",
     .family = "ORLEAC",
     .given = "INES",
     .title = "Pharmacien",
     .profession = "21",
     .serial = "29900303",
     .pin = "3456",
     .practices = {{1, "PHARMACIE DU PONT NEUF", "200000000000026", "SA33"}}},
    {.card = "expired",
     .condition = COND_EXPIRED,
     .rpps = "9970000404",
     .family = "TRESMES",
     .given = "CELIE",
     .title = "Chirurgien-Dentiste",
     .profession = "40",
     .serial = "29900404",
     .pin = "4567"},
    {.card = "revoked",
     .condition = COND_REVOKED,
     .rpps = "9970000505",
     .family = "GARDANNE",
     .given = "MILO",
     .title = "Infirmier",
     .profession = "60",
     .serial = "29900505",
     .pin = "5678"},
    {.card = "foreign-ca",
     .condition = COND_UNTRUSTED,
     .rpps = "9970000606",
     .family = "SOULAC",
     .given = "NORA",
     .title = "Médecin",
     .profession = "10",
     .speciality = "SM54",
     .serial = "29900606",
     .pin = "6789"},
    {.card = "forged-ca",
     .condition = COND_FORGED,
     .rpps = "9970000707",
     .family = "MORCENX",
     .given = "BASILE",
     .title = "Médecin",
     .profession = "10",
     .speciality = "SM26",
     .serial = "29900707",
     .pin = "7890"},
    {.card = "large",
     .rpps = "9970000808",
     .family = "PEYREHORADE",
     .given = "LOUISE",
     .title = "Médecin",
     .profession = "10",
     .speciality = "SM26",
     .serial = "29900808",
     .pin = "8901",
     .padding = 9000},
    {.card = "variant",
     .rpps = "9970000909",
     .family = "LABENNE",
     .given = "TIBO",
     .title = "Médecin",
     .profession = "10",
     .speciality = "SM02",
     .serial = "29900909",
     .pin = "9012",
     .own_signature_key = true,
     .model = MODEL_CPS3_VARIANT,
     .practices = {{1, "MAISON DE SANTE DES DUNES", "300000000000034", "SA08"}}},
    {.card = "physician-t1",
     .same_as = "physician",
     .rpps = "9970000101",
     .family = "VALMONT",
     .given = "ADELINE",
     .title = "Médecin",
     .profession = "10",
     .speciality = "SM26",
     .serial = "29900111",
     .pin = "1234",
     .own_signature_key = true,
     .model = MODEL_CPS3_T1,
     .practices = {{1, "CABINET DU DR VALMONT", "499700000000010", "SA07"}}},
    {.card = "mismatched",
     .condition = COND_MISMATCHED,
     .same_as = "physician",
     .rpps = "9970000101",
     .family = "VALMONT",
     .given = "ADELINE",
     .title = "Médecin",
     .profession = "10",
     .speciality = "SM26",
     .serial = "29900121",
     .pin = "1234",
     .own_signature_key = true},
    {.card = "swapped",
     .condition = COND_SWAPPED,
     .same_as = "physician",
     .rpps = "9970000101",
     .family = "VALMONT",
     .given = "ADELINE",
     .title = "Médecin",
     .profession = "10",
     .speciality = "SM26",
     .serial = "29900131",
     .pin = "1234",
     .own_signature_key = true},
    {.card = "contactless",
     .same_as = "physician",
     .rpps = "9970000101",
     .family = "VALMONT",
     .given = "ADELINE",
     .title = "Médecin",
     .profession = "10",
     .speciality = "SM26",
     .serial = "29900101",
     .pin = "1234",
     .own_signature_key = true,
     .model = MODEL_CPS3_CONTACTLESS},
    {.card = "cps4",
     .rpps = "9970001010",
     .family = "CAPBRETON",
     .given = "ROSE",
     .title = "Chirurgien-Dentiste",
     .profession = "40",
     .serial = "29901010",
     .pin = "1357",
     .own_signature_key = true,
     .model = MODEL_CPS4,
     .practices = {{2, "CENTRE DENTAIRE DES ACACIAS", "400000000000042", "SA05"},
                   {5, "HOPITAL DES TROIS VALLEES", "100000000000018", "SA01"}}},
    {.card = "cps4-variant",
     .same_as = "cps4",
     .rpps = "9970001010",
     .family = "CAPBRETON",
     .given = "ROSE",
     .title = "Chirurgien-Dentiste",
     .profession = "40",
     .serial = "29901020",
     .pin = "1357",
     .own_signature_key = true,
     .model = MODEL_CPS4_VARIANT,
     .practices = {{2, "CENTRE DENTAIRE DES ACACIAS", "400000000000042", "SA05"}}},
    {.card = "cps4-t1",
     .same_as = "cps4",
     .rpps = "9970001010",
     .family = "CAPBRETON",
     .given = "ROSE",
     .title = "Chirurgien-Dentiste",
     .profession = "40",
     .serial = "29901030",
     .pin = "1357",
     .own_signature_key = true,
     .model = MODEL_CPS4_T1,
     .practices = {{2, "CENTRE DENTAIRE DES ACACIAS", "400000000000042", "SA05"}}},
    {.card = "locum",
     .rpps = "9970001111",
     .family = "SEIGNOSSE",
     .given = "AUBIN",
     .title = "Médecin",
     .profession = "10",
     .speciality = "SM54",
     .serial = "29901111",
     .pin = "2468",
     .practices = {{1, "CABINET MEDICAL DE LA HALLE", "500000000000059", "SA07"},
                   {4, "MAISON DE SANTE DES DUNES", "300000000000034", "SA08"},
                   {9, "CLINIQUE DE L'ÉTANG", "600000000000067", "SA02"},
                   {16, "HOPITAL DES TROIS VALLEES", "100000000000018", "SA01"}}},
    {.card = "cpe",
     .structure = "HOPITAL DES TROIS VALLEES",
     .locality = "Landes (40)",
     .structure_id = "100000000000018",
     .rank = "00042",
     .serial = "29901212",
     .pin = "3579",
     .practices = {{1, "HOPITAL DES TROIS VALLEES", "100000000000018", "SA01"}}},
    {.card = "responder", /* its own signature key would cost time and prove nothing more */
     .rpps = "9970001717",
     .family = "SEVERAC",
     .given = "LOUIS",
     .title = "Médecin",
     .profession = "10",
     .serial = "29901717",
     .pin = "1717",
     .ocsp = true},
    {.card = "foreign", .condition = COND_FOREIGN},
    {.card = "mute", .condition = COND_MUTE},
};

const size_t N_HOLDERS = sizeof(HOLDERS) / sizeof(HOLDERS[0]);

const char *condition_name(enum condition c)
{
    static const char *const names[] = {"valid",      "expired", "revoked", "untrusted", "forged",
                                        "mismatched", "swapped", "foreign", "mute"};

    return names[c];
}

bool holder_has_content(const struct holder *h)
{
    return h->condition != COND_FOREIGN && h->condition != COND_MUTE;
}

bool holder_is_named(const struct holder *h)
{
    return h->rpps != NULL;
}

void holder_common_name(const struct holder *h, char ret_name[COMMON_NAME_MAX])
{
    if (holder_is_named(h))
        holder_national_id(h, ret_name);
    else
        snprintf(ret_name, COMMON_NAME_MAX, "%s/%s", h->structure_id, h->rank);
}

void holder_national_id(const struct holder *h, char ret_id[NATIONAL_ID_LEN + 1])
{
    snprintf(ret_id, NATIONAL_ID_LEN + 1, "8%.10s%c", h->rpps, p15_luhn(h->rpps));
}

void holder_family(const struct holder *h, char *ret_name, size_t cap)
{
    char id[NATIONAL_ID_LEN + 1];

    holder_national_id(h, id);
    snprintf(ret_name, cap, "%s%s", h->family, id + NATIONAL_ID_LEN - 4);
}
