/* SPDX-License-Identifier: Apache-2.0 */
#include "cardfile.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>

#include "hw-fixtures/vcps/util.h"

#define ATR_T0      "3BAC00402A001225006480000310009000"
#define ATR_T1      "3BAC008101001225006480000310009000" /* then TCK */
#define ATR_FOREIGN "3B06535452414E47"

#define AID_CONTACT "E828BD080F8025000001FF0010"
#define AID_CL      "E828BD080F8025000001FF0020"

#define PUK "12345678"

/* Everything that differs between the reference layout and the variant. */
struct layout {
    const char *odf[5][2]; /* kind, file */
    const char *sig[4];    /* id, reference, certificate file, public key file */
    const char *aut[4];
    const char *cl_odf[4][2];
    const char *tech[4];
    unsigned data_fid, activity_fid;
    bool aut_first, cdf_reverse, contact_first;
    const char *short_read;
};

static const struct layout REFERENCE = {
    .odf =
        {{"aodf", "7001"}, {"prkdf", "7002"}, {"pukdf", "7004"}, {"cdf", "7005"}, {"dodf", "7006"}},
    .sig = {"01", "81", "A001", "A011"},
    .aut = {"02", "82", "A002", "A012"},
    .cl_odf = {{"prkdf", "7002"}, {"pukdf", "7004"}, {"cdf", "7005"}, {"dodf", "7006"}},
    .tech = {"03", "83", "A003", "A013"},
    .data_fid = 0xD103,
    .activity_fid = 0xD120,
    .short_read = "6282",
};

static const struct layout VARIANT = {
    .odf =
        {{"dodf", "6F21"}, {"cdf", "6F13"}, {"aodf", "6F35"}, {"pukdf", "6F02"}, {"prkdf", "6F44"}},
    .sig = {"10", "83", "B07A", "B00C"},
    .aut = {"20", "84", "B019", "B00B"},
    .cl_odf = {{"cdf", "6F13"}, {"dodf", "6F21"}, {"pukdf", "6F02"}, {"prkdf", "6F44"}},
    .tech = {"30", "85", "B01A", "B00D"},
    .data_fid = 0xE003,
    .activity_fid = 0xE120,
    .aut_first = true,
    .cdf_reverse = true,
    .contact_first = true,
    .short_read = "6C",
};

bool cardfile_save_cert(const char *path, X509 *cert, bool pem)
{
    FILE *f CLEANUP(util_fclose) = fopen(path, "we");

    return f && (pem ? PEM_write_X509(f, cert) : i2d_X509_fp(f, cert)) == 1;
}

bool cardfile_save_key(const char *path, EVP_PKEY *key)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *f CLEANUP(util_fclose) = fd < 0 ? NULL : fdopen(fd, "w");

    return f && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1;
}

static json_t *hex(const void *bytes, size_t n)
{
    char text[2 * 256 + 1] = "";

    for (size_t i = 0; i < n && i < 256; i++)
        snprintf(text + 2 * i, 3, "%02X", ((const uint8_t *)bytes)[i]);
    return json_string(text);
}

static json_t *json_key(const char *use, const char *const def[4])
{
    char key[24], cert[24];

    snprintf(key, sizeof(key), "%s.key", use);
    snprintf(cert, sizeof(cert), "%s.der", use);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "use", use, "id", def[0], "reference",
                     def[1], "certificate_file", def[2], "public_key_file", def[3], "key", key,
                     "certificate", cert);
}

static json_t *json_data(const char *label, unsigned fid, const char *read, const char *update,
                         const void *value, size_t n)
{
    char file[8];

    snprintf(file, sizeof(file), "%04X", fid);
    return json_pack("{s:s, s:s, s:s, s:s, s:o}", "label", label, "file", file, "read", read,
                     "update", update, "value", hex(value, n));
}

static json_t *json_text(const char *label, unsigned fid, const char *text)
{
    return json_data(label, fid, "always", "never", text, strlen(text));
}

/* EE { 84 name of the structure, 85 its identifier, 86 sector } */
static json_t *json_activity(size_t i, unsigned fid, const struct practice *p)
{
    const char *const parts[3] = {p->name, p->structure, p->sector};
    uint8_t value[128];
    char label[32];
    size_t n = 2;

    for (size_t k = 0; k < 3; k++) {
        size_t len = strlen(parts[k]);
        value[n++] = (uint8_t)(0x84 + k);
        value[n++] = (uint8_t)len;
        memcpy(value + n, parts[k], len);
        n += len;
    }
    value[0] = 0xEE;
    value[1] = (uint8_t)(n - 2);
    snprintf(label, sizeof(label), "CPS_ACTIVITY_%02zu_PS", i + 1);
    return json_data(label, fid, "pin", "never", value, n);
}

static json_t *json_all_data(const struct holder *h, const struct layout *l)
{
    static const uint8_t zeros[64];
    char id[NATIONAL_ID_LEN + 1], family[32], text[128];
    json_t *list = json_array();

    holder_national_id(h, id);
    holder_family(h, family, sizeof(family));
    snprintf(text, sizeof(text), "8025000001/00%s", h->serial);
    json_array_append_new(list, json_text("CPS_ID_CARD", l->data_fid, text));
    snprintf(text, sizeof(text), "%s %s", family, h->given);
    json_array_append_new(list, json_text("CPS_NAME_PS", l->data_fid + 1, text));
    json_array_append_new(list, json_text("CPS_LANG_PS", l->data_fid + 2, "FR"));
    snprintf(text, sizeof(text), "%s %s %s %s %s", id, family, h->given, h->profession,
             h->speciality ? h->speciality : "    ");
    json_array_append_new(list, json_text("CPS_INFO_PS", l->data_fid + 3, text));
    json_array_append_new(
        list, json_data("CPS_DATA", l->data_fid + 4, "always", "pin", zeros, sizeof(zeros)));
    for (size_t i = 0; i < HOLDER_PRACTICES_MAX && h->practices[i].name; i++)
        json_array_append_new(list,
                              json_activity(i, l->activity_fid + (unsigned)i, &h->practices[i]));
    return list;
}

static json_t *json_odf(const char *const (*odf)[2], size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "kind", odf[i][0], "file", odf[i][1]));
    return list;
}

static json_t *json_contact(const struct holder *h, const struct layout *l)
{
    json_t *sig = json_key("sig", l->sig), *aut = json_key("aut", l->aut);

    return json_pack("{s:s, s:s, s:s, s:b, s:b, s:o, s:[o, o], s:o}", "aid", AID_CONTACT, "label",
                     "CPX IAS", "df", "0001", "contactless", 0, "cdf_reverse", l->cdf_reverse,
                     "odf", json_odf(l->odf, 5), "keys", l->aut_first ? aut : sig,
                     l->aut_first ? sig : aut, "data", json_all_data(h, l));
}

static json_t *json_contactless(const struct holder *h, const struct layout *l)
{
    char text[40];

    snprintf(text, sizeof(text), "8025000001/00%s", h->serial);
    return json_pack("{s:s, s:s, s:s, s:b, s:b, s:o, s:[o], s:[o]}", "aid", AID_CL, "label",
                     "CPX IAS CL", "df", "0002", "contactless", 1, "cdf_reverse", 0, "odf",
                     json_odf(l->cl_odf, 4), "keys", json_key("tech", l->tech), "data",
                     json_text("CPS_ID_CARD", l->data_fid, text));
}

/* The check byte that closes an ATR offering anything but T=0 makes its bytes from T0 xor to 0. */
static void t1_atr(char *out, size_t cap)
{
    uint8_t b[32], tck = 0;
    size_t n = 0;

    if (!hex_decode(ATR_T1, b, sizeof(b), &n))
        abort();
    for (size_t i = 1; i < n; i++)
        tck ^= b[i];
    snprintf(out, cap, "%s%02X", ATR_T1, tck);
}

static json_t *json_card(const struct holder *h)
{
    const struct layout *l = h->variant ? &VARIANT : &REFERENCE;
    char atr[80] = ATR_T0;

    if (h->condition == COND_FOREIGN)
        return json_pack("{s:s, s:s, s:s, s:i}", "name", h->card, "personality", "foreign", "atr",
                         ATR_FOREIGN, "protocol", 0);
    if (h->condition == COND_MUTE)
        return json_pack("{s:s, s:s, s:s, s:i}", "name", h->card, "personality", "mute", "atr", atr,
                         "protocol", 0);
    if (h->protocol == 1)
        t1_atr(atr, sizeof(atr));
    json_t *contact = json_contact(h, l), *cl = json_contactless(h, l);
    return json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:[o, o]}", "name", h->card,
                     "personality", "cps3", "atr", atr, "protocol", (int)h->protocol, "serial",
                     h->serial, "pin", h->pin, "puk", PUK, "short_read", l->short_read,
                     "applications", l->contact_first ? contact : cl,
                     l->contact_first ? cl : contact);
}

static bool save_pair(const char *dir, const char *use, EVP_PKEY *key, X509 *cert)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s.key", dir, use);
    if (!cardfile_save_key(path, key))
        return false;
    snprintf(path, sizeof(path), "%s/%s.der", dir, use);
    return cardfile_save_cert(path, cert, false);
}

bool cardfile_write(const char *dir, const struct holder *h, const struct card_keys *keys)
{
    char sub[3072], path[4096];

    if ((size_t)snprintf(sub, sizeof(sub), "%s/%s", dir, h->card) >= sizeof(sub) ||
        (mkdir(sub, 0755) != 0 && errno != EEXIST))
        return false;
    if (keys && (!save_pair(sub, "sig", keys->sig, keys->sig_cert) ||
                 !save_pair(sub, "aut", keys->aut, keys->aut_cert) ||
                 !save_pair(sub, "tech", keys->tech, keys->tech_cert)))
        return false;
    json_t *root = json_card(h);
    snprintf(path, sizeof(path), "%s/card.json", sub);
    bool ok = root && json_dump_file(root, path, JSON_INDENT(2)) == 0;
    json_decref(root);
    return ok;
}

static json_t *describe_cert(X509 *cert)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    (void)X509_digest(cert, EVP_sha256(), digest, &n);
    return json_pack("{s:I, s:o, s:i}", "serial",
                     (json_int_t)ASN1_INTEGER_get(X509_get0_serialNumber(cert)), "sha256",
                     hex(digest, n), "size", i2d_X509(cert, NULL));
}

json_t *cardfile_describe(const struct holder *h, const struct card_keys *keys)
{
    char id[NATIONAL_ID_LEN + 1], family[32];

    if (!keys)
        return json_pack("{s:s, s:s}", "name", h->card, "condition", condition_name(h->condition));
    holder_national_id(h, id);
    holder_family(h, family, sizeof(family));
    return json_pack("{s:s, s:s, s:i, s:b, s:s, s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s, s:s?}, "
                     "s:{s:o, s:o}}",
                     "name", h->card, "condition", condition_name(h->condition), "protocol",
                     (int)h->protocol, "variant", h->variant, "serial", h->serial, "pin", h->pin,
                     "puk", PUK, "holder", "national_id", id, "family_name", family, "given_name",
                     h->given, "title", h->title, "profession", h->profession, "speciality",
                     h->speciality, "certificates", "aut", describe_cert(keys->aut_cert), "sig",
                     describe_cert(keys->sig_cert));
}
