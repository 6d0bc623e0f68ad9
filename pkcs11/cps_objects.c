/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/cps_objects.h"

#include <stdint.h>
#include <string.h>

#include "base/b64.h"
#include "base/text.h"
#include "base/util.h"

#define TAG_ACTIVITY       0xEE
#define TAG_STRUCTURE_NAME 0x84
#define TAG_STRUCTURE_ID   0x85
#define TAG_SECTOR         0x86

/* A national identifier has this many digits at least, whatever its register. */
#define IDENTIFIER_DIGITS_MIN 8

#define SPECIALITY_LEN 4

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

unsigned cps_activity_number(const char *label)
{
    static const char prefix[] = "CPS_ACTIVITY_";
    const char *digits = label + sizeof prefix - 1;

    if (strncmp(label, prefix, sizeof prefix - 1) != 0 || !is_digit(digits[0]) ||
        !is_digit(digits[1]) || strcmp(digits + 2, "_PS") != 0)
        return 0;
    return (unsigned)(digits[0] - '0') * 10 + (unsigned)(digits[1] - '0');
}

static void add(json_t *to, const char *key, json_t *value)
{
    if (value != NULL)
        json_object_set_new(to, key, value);
}

/* UTF-8, else Latin 1: which one cards of all ages use is not known. */
static json_t *text_of(struct span value)
{
    uint8_t utf8[2 * CPS_TEXT_MAX];
    json_t *text = text_from_outside(value.data, value.len, CPS_TEXT_MAX);
    size_t n = 0;

    if (text != NULL || value.len > CPS_TEXT_MAX)
        return text;
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] >= 0x80)
            utf8[n++] = (uint8_t)(0xC0 | value.data[i] >> 6);
        utf8[n++] =
            value.data[i] >= 0x80 ? (uint8_t)(0x80 | (value.data[i] & 0x3F)) : value.data[i];
    }
    return text_from_outside(utf8, n, CPS_TEXT_MAX);
}

static json_t *raw_of(struct span value)
{
    AUTO_FREE char *text =
        b64_encode(value.data, value.len < CPS_RAW_MAX ? value.len : CPS_RAW_MAX);

    return text != NULL ? json_string(text) : NULL;
}

json_t *cps_activity_parse(unsigned number, struct span value)
{
    json_t *situation = json_pack("{s:i}", "number", (int)number);
    struct span in = value;
    struct tlv tlv;

    if (situation == NULL)
        return NULL;
    add(situation, "raw", raw_of(value));
    (void)tlv_find(value, TAG_ACTIVITY, &in);
    while (tlv_next(&in, &tlv) == TLV_FOUND) {
        const char *key = tlv.tag == TAG_STRUCTURE_NAME ? "structure_name"
                          : tlv.tag == TAG_STRUCTURE_ID ? "structure_id"
                          : tlv.tag == TAG_SECTOR       ? "sector"
                                                        : NULL;

        if (key != NULL && json_object_get(situation, key) == NULL)
            add(situation, key, text_of(tlv.value));
    }
    return situation;
}

/* What an object is for; NULL: only its bytes are kept. */
static const struct {
    const char *label;
    const char *key;
} whole_texts[] = {
    {"CPS_ID_CARD", "card_id"},
    {"CPS_NAME_PS", "name"},
    {"CPS_LANG_PS", "language"},
    {"CPS_INFO_PS", NULL},
};

#define N_WHOLE_TEXTS (sizeof whole_texts / sizeof whole_texts[0])

static size_t find_label(const char *label)
{
    size_t i = 0;

    while (i < N_WHOLE_TEXTS && strcmp(whole_texts[i].label, label) != 0)
        i++;
    return i;
}

bool cps_info_label(const char *label)
{
    return find_label(label) < N_WHOLE_TEXTS;
}

static bool is_capital(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* "SM26" at the end, on its own. */
static json_t *speciality_in(const char *text)
{
    size_t len = strlen(text);
    const char *code = text + len - SPECIALITY_LEN;

    if (len < SPECIALITY_LEN || !is_capital(code[0]) || !is_capital(code[1]) ||
        !is_digit(code[2]) || !is_digit(code[3]))
        return NULL;
    if (len > SPECIALITY_LEN && (is_capital(code[-1]) || is_digit(code[-1])))
        return NULL;
    return json_string(code);
}

/* A word that begins with enough digits: an identifier, with what is within a structure. */
static json_t *identifier_in(const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, " ");

        if (strspn(text, "0123456789") >= IDENTIFIER_DIGITS_MIN)
            return json_stringn(text, len);
        text += len;
        text += strspn(text, " ");
    }
    return NULL;
}

static void add_parts(json_t *info, const char *text)
{
    add(info, "national_id", identifier_in(text));
    add(info, "speciality", speciality_in(text));
}

void cps_info_add(json_t *info, const char *label, struct span value)
{
    size_t i = find_label(label);
    json_t *raw = json_object_get(info, "raw");
    AUTO_JSON json_t *text = text_of(value);

    if (i == N_WHOLE_TEXTS)
        return;
    if (raw == NULL) {
        raw = json_object();
        add(info, "raw", raw);
    }
    add(raw, label, raw_of(value));
    if (text != NULL && whole_texts[i].key != NULL)
        json_object_set(info, whole_texts[i].key, text);
    else if (text != NULL)
        add_parts(info, json_string_value(text));
}
