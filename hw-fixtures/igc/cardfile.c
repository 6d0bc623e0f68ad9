/* SPDX-License-Identifier: Apache-2.0 */
#include "cardfile.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>

#include "hw-fixtures/vcps/util.h"
#include "layout.h"

#define ATR_FOREIGN "3B06535452414E47"
#define ATR_MUTE    "3BAC00402A001225006480000310009000"

#define AID_CONTACT "E828BD080F8025000001FF0010"
#define AID_CL      "E828BD080F8025000001FF0020"

#define PUK "12345678"

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

static json_t *json_key(const char *use, const struct layout_key *k)
{
    char key[24], cert[24];

    snprintf(key, sizeof(key), "%s.key", use);
    snprintf(cert, sizeof(cert), "%s.der", use);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "use", use, "id", k->id, "reference",
                     k->reference, "certificate_file", k->certificate_file, "public_key_file",
                     k->public_key_file, "key", key, "certificate", cert);
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
static json_t *json_activity(unsigned first_fid, const struct practice *p)
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
    snprintf(label, sizeof(label), "CPS_ACTIVITY_%02u_PS", p->number);
    return json_data(label, first_fid + p->number - 1, "pin", "never", value, n);
}

static json_t *json_id_card(const struct holder *h, const struct layout *l)
{
    char text[40];

    snprintf(text, sizeof(text), "8025000001/00%s", h->serial);
    return json_text("CPS_ID_CARD", l->data_fid, text);
}

/* A card that names nobody has no CPS_NAME_PS, and the certificate's common name in CPS_INFO_PS. */
static void append_holder(json_t *list, const struct holder *h, const struct layout *l)
{
    char common[COMMON_NAME_MAX], family[32], name[64], info[160];

    holder_common_name(h, common);
    snprintf(info, sizeof(info), "%s", common);
    if (holder_is_named(h)) {
        holder_family(h, family, sizeof(family));
        snprintf(name, sizeof(name), "%s %s", family, h->given);
        snprintf(info, sizeof(info), "%s %s %s %s", common, name, h->profession,
                 h->speciality ? h->speciality : "    ");
        json_array_append_new(list, json_text("CPS_NAME_PS", l->data_fid + 1, name));
    }
    json_array_append_new(list, json_text("CPS_LANG_PS", l->data_fid + 2, "FR"));
    json_array_append_new(list, json_text("CPS_INFO_PS", l->data_fid + 3, info));
}

static json_t *json_all_data(const struct holder *h, const struct layout *l)
{
    static const uint8_t zeros[64];
    json_t *list = json_array();

    json_array_append_new(list, json_id_card(h, l));
    append_holder(list, h, l);
    json_array_append_new(
        list, json_data("CPS_DATA", l->data_fid + 4, "always", "pin", zeros, sizeof(zeros)));
    for (size_t i = 0; i < HOLDER_PRACTICES_MAX && h->practices[i].number; i++)
        json_array_append_new(list, json_activity(l->activity_fid, &h->practices[i]));
    return list;
}

static json_t *json_odf(const struct layout_df *odf)
{
    json_t *list = json_array();

    for (size_t i = 0; i < LAYOUT_ODF_MAX && odf[i].kind; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:s}", "kind", odf[i].kind, "file", odf[i].file));
    return list;
}

static json_t *json_contact(const struct holder *h, const struct layout *l)
{
    json_t *sig = json_key("sig", &l->sig), *aut = json_key("aut", &l->aut);

    return json_pack("{s:s, s:s, s:s, s:b, s:b, s:o, s:[o, o], s:o}", "aid", AID_CONTACT, "label",
                     "CPX IAS", "df", "0001", "contactless", 0, "cdf_reverse", l->cdf_reverse,
                     "odf", json_odf(l->odf), "keys", l->aut_first ? aut : sig,
                     l->aut_first ? sig : aut, "data", json_all_data(h, l));
}

static json_t *json_contactless(const struct holder *h, const struct layout *l)
{
    return json_pack("{s:s, s:s, s:s, s:b, s:b, s:o, s:[o], s:[o]}", "aid", AID_CL, "label",
                     "CPX IAS CL", "df", "0002", "contactless", 1, "cdf_reverse", 0, "odf",
                     json_odf(l->cl_odf), "keys", json_key("tech", &l->tech), "data",
                     json_id_card(h, l));
}

/* In EF.DIR's order. */
static json_t *json_applications(const struct holder *h, const struct layout *l)
{
    json_t *list = json_array();

    json_array_append_new(list, json_contact(h, l));
    if (l->cl_odf[0].kind)
        json_array_insert_new(list, l->contact_first ? 1 : 0, json_contactless(h, l));
    return list;
}

static json_t *json_bare_card(const char *name, const char *personality, const char *atr)
{
    return json_pack("{s:s, s:s, s:s, s:i}", "name", name, "personality", personality, "atr", atr,
                     "protocol", 0);
}

static json_t *json_card(const struct holder *h)
{
    const struct layout *l = layout_of(h->model);

    if (h->condition == COND_FOREIGN)
        return json_bare_card(h->card, "foreign", ATR_FOREIGN);
    if (h->condition == COND_MUTE)
        return json_bare_card(h->card, "mute", ATR_MUTE);
    return json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:o}", "name", h->card,
                     "personality", l->personality, "atr", l->atr, "protocol", l->protocol,
                     "interface", l->interface, "serial", h->serial, "pin", h->pin, "puk", PUK,
                     "short_read", l->short_read, "applications", json_applications(h, l));
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

static json_t *describe_person(const struct holder *h)
{
    char id[NATIONAL_ID_LEN + 1], family[32];

    holder_national_id(h, id);
    holder_family(h, family, sizeof(family));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?}", "national_id", id, "family_name", family,
                     "given_name", h->given, "title", h->title, "profession", h->profession,
                     "speciality", h->speciality);
}

static json_t *describe_structure(const struct holder *h)
{
    char name[COMMON_NAME_MAX];

    holder_common_name(h, name);
    return json_pack("{s:s, s:s, s:s, s:s}", "name", h->structure, "locality", h->locality,
                     "identifier", h->structure_id, "common_name", name);
}

static json_t *describe_practices(const struct holder *h)
{
    json_t *list = json_array();

    for (size_t i = 0; i < HOLDER_PRACTICES_MAX && h->practices[i].number; i++) {
        const struct practice *p = &h->practices[i];
        json_array_append_new(list,
                              json_pack("{s:i, s:s, s:s, s:s}", "number", (int)p->number, "name",
                                        p->name, "structure", p->structure, "sector", p->sector));
    }
    return list;
}

json_t *cardfile_describe(const struct holder *h, const struct card_keys *keys)
{
    const struct layout *l = layout_of(h->model);
    bool named = holder_is_named(h);

    if (!keys)
        return json_pack("{s:s, s:s}", "name", h->card, "condition", condition_name(h->condition));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:b, s:s, s:s, s:s, s:o, s:o, "
                     "s:{s:o, s:o, s:o}}",
                     "name", h->card, "condition", condition_name(h->condition), "family",
                     named ? "CPS" : "CPE", "generation", l->personality, "interface", l->interface,
                     "protocol", l->protocol, "variant", h->model == MODEL_CPS3_VARIANT, "serial",
                     h->serial, "pin", h->pin, "puk", PUK, named ? "holder" : "structure",
                     named ? describe_person(h) : describe_structure(h), "practices",
                     describe_practices(h), "certificates", "aut", describe_cert(keys->aut_cert),
                     "sig", describe_cert(keys->sig_cert), "tech", describe_cert(keys->tech_cert));
}
