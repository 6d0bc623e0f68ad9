/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/report_tree.h"

#include <stdio.h>
#include <string.h>

#define DEPTH_MAX       10
#define LINE_MAX        160
#define SHORT_MAX       2 /* longest value that is shown whatever it is */
#define SHOWN_MAX       24
#define BIT_STRING_MAX  4
#define CONSTRUCTED_BIT 0x20
#define TAG_BIT_STRING  0x03
#define TAG_OID         0x06

/* Beginnings of application identifiers; key identifiers begin with one of them, too. */
static const struct span applications[] = {
    {(const uint8_t *)"\xE8\x28\xBD\x08\x0F\x80\x25\x00\x00\x01\xFF\x00", 12},
    {(const uint8_t *)"\x80\x25\x00\x00\x01\xFF", 6},
    {(const uint8_t *)"\xA0\x00\x00\x00", 4},
};
#define APPLICATION_LEN_MAX 16

/* Texts that are the same on all cards. */
static const char *const texts[] = {
    "Code porteur de la carte CPX",
    "Code de déblocage de la carte CPX",
    "Certificat de Signature CPS",
    "Certificat d'Authentification CPS",
    "Certificat Technique CPS",
    "CPX IAS",
    "CPX IAS CL",
    "CPS",
    "ASIP-SANTE",
    "GIP-CPS",
    "ANS",
};

/* Texts that begin so; what follows in the second kind is the card's own. */
static const char object_prefix[] = "CPS_";
static const char *const token_prefixes[] = {"CPS3v3-", "CPS4v1-", "CPS3v", "CPS4v"};

/* By kind: tags whose values are about files and rules, never about people. */
static const uint8_t control_tags[] = {0x80, 0x81, 0x82, 0x83, 0x86, 0x88,
                                       0x8A, 0x8B, 0x8C, 0x9C, 0xA1};
static const uint8_t security_tags[] = {0x80, 0x83, 0x8C, 0x95, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E};
static const uint8_t card_data_tags[] = {0x02, 0x43, 0x46, 0x47, 0x4F, 0x82};

static const struct span harmless[] = {
    [REPORT_DIRECTORY] = {NULL, 0},
    [REPORT_CONTROL] = {control_tags, sizeof control_tags},
    [REPORT_SECURITY] = {security_tags, sizeof security_tags},
    [REPORT_CARD_DATA] = {card_data_tags, sizeof card_data_tags},
};

struct tree {
    enum report_kind kind;
    json_t *lines;
    size_t *budget;
};

static bool starts_with(struct span value, const void *prefix, size_t len)
{
    return value.len >= len && memcmp(value.data, prefix, len) == 0;
}

static bool is_application(struct span value)
{
    for (size_t i = 0; i < sizeof applications / sizeof applications[0]; i++)
        if (value.len <= APPLICATION_LEN_MAX &&
            starts_with(value, applications[i].data, applications[i].len))
            return true;
    return false;
}

static bool is_path(struct span value)
{
    return value.len % 2 == 0 && value.len <= 8 && starts_with(value, "\x3F\x00", 2);
}

/* Names of data objects and keys: CPS_ and capitals, digits and underscores. */
static bool is_object_name(struct span value)
{
    if (!starts_with(value, object_prefix, sizeof object_prefix - 1))
        return false;
    for (size_t i = 0; i < value.len; i++)
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789", value.data[i]) == NULL ||
            value.data[i] == '\0')
            return false;
    return value.len <= SHOWN_MAX;
}

static bool is_known_text(struct span value)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (value.len == strlen(texts[i]) && memcmp(value.data, texts[i], value.len) == 0)
            return true;
    return is_object_name(value);
}

static bool is_harmless(const struct tree *tree, const struct tlv *tlv)
{
    const struct span tags = harmless[tree->kind];

    if (tlv->value.len <= SHORT_MAX)
        return true;
    if (tlv->tag == TAG_OID || is_application(tlv->value) || is_path(tlv->value))
        return tlv->value.len <= SHOWN_MAX;
    if (tlv->tag == TAG_BIT_STRING)
        return tlv->value.len <= BIT_STRING_MAX;
    return tlv->tag <= UINT8_MAX && tlv->value.len <= SHOWN_MAX && tags.len > 0 &&
           memchr(tags.data, (int)tlv->tag, tags.len) != NULL;
}

static void describe_text(struct span value, char *out, size_t size)
{
    for (size_t i = 0; i < sizeof token_prefixes / sizeof token_prefixes[0]; i++)
        if (starts_with(value, token_prefixes[i], strlen(token_prefixes[i]))) {
            snprintf(out, size, " \"%s\" and %zu hidden", token_prefixes[i],
                     value.len - strlen(token_prefixes[i]));
            return;
        }
    snprintf(out, size, " hidden");
}

static void describe_value(const struct tree *tree, const struct tlv *tlv, char *out, size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    if (is_known_text(tlv->value)) {
        snprintf(out, size, " \"%.*s\"", (int)tlv->value.len, (const char *)tlv->value.data);
        return;
    }
    if (!is_harmless(tree, tlv)) {
        describe_text(tlv->value, out, size);
        return;
    }
    if (tlv->value.len > 0)
        len = (size_t)snprintf(out, size, " ");
    for (size_t i = 0; i < tlv->value.len && len < size; i++)
        len += (size_t)snprintf(out + len, size - len, "%02X", tlv->value.data[i]);
}

static bool say(const struct tree *tree, const char *line)
{
    size_t cost = strlen(line) + 4; /* quotes, comma */

    if (cost > *tree->budget) {
        *tree->budget = 0;
        return false;
    }
    *tree->budget -= cost;
    return json_array_append_new(tree->lines, json_string(line)) == 0;
}

static bool is_constructed(const struct tlv *tlv)
{
    uint32_t first = tlv->tag;

    while (first > UINT8_MAX)
        first >>= 8;
    return (first & CONSTRUCTED_BIT) != 0;
}

static void walk(const struct tree *tree, struct span in, int depth)
{
    struct tlv tlv;
    enum tlv_result result;
    char value[LINE_MAX];
    char line[LINE_MAX + 64];

    while ((result = tlv_next(&in, &tlv)) == TLV_FOUND) {
        bool constructed = is_constructed(&tlv) && depth < DEPTH_MAX;

        value[0] = '\0';
        if (!constructed)
            describe_value(tree, &tlv, value, sizeof value);
        snprintf(line, sizeof line, "%*s%02X %zu%s", 2 * depth, "", tlv.tag, tlv.value.len, value);
        if (!say(tree, line))
            return;
        if (constructed)
            walk(tree, tlv.value, depth + 1);
    }
    if (result == TLV_MALFORMED) {
        snprintf(line, sizeof line, "%*snot TLV, %zu", 2 * depth, "", in.len);
        (void)say(tree, line);
    }
}

void report_tree(struct span data, enum report_kind kind, json_t *lines, size_t *budget)
{
    const struct tree tree = {kind, lines, budget};

    walk(&tree, data, 0);
}
