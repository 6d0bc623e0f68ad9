/* SPDX-License-Identifier: Apache-2.0 */
/* vcps-gen: makes a test IGC and the images of its holders' cards. Keys are new at each run. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "cardfile.h"
#include "hw-fixtures/vcps/util.h"
#include "pki.h"

enum {
    HOLDERS_MAX = 24,
    /* Keys: the CAs, then shared ones, then an authentication and a signature key a holder. */
    KEY_ROOT = 0,
    KEY_PERSONS,
    KEY_FOREIGN,
    KEY_TECH,
    KEY_SPARE_SIG,
    KEY_FIRST_HOLDER,
    KEYS_MAX = KEY_FIRST_HOLDER + 2 * HOLDERS_MAX,
    THREADS = 2,
    FIRST_SERIAL = 0x20100001,
    CARD_TYPE_CPS = 0,
    CARD_TYPE_CPE = 2,
};

/* The certificates of a holder, in the order of their serial numbers. */
enum cert { CERT_AUT, CERT_SIG, CERT_TECH, CERTS };

struct keyring {
    pthread_mutex_t lock;
    unsigned bits[KEYS_MAX]; /* 0: not wanted */
    EVP_PKEY *keys[KEYS_MAX];
    size_t next;
};

struct igc {
    struct keyring ring;
    struct pki_ca root, persons, foreign;
    X509 *certs[HOLDERS_MAX][CERTS];
};

/* --- keys ----------------------------------------------------------------------------------- */

static size_t next_key(struct keyring *r)
{
    pthread_mutex_lock(&r->lock);
    while (r->next < KEYS_MAX && r->bits[r->next] == 0)
        r->next++;
    size_t i = r->next < KEYS_MAX ? r->next++ : KEYS_MAX;
    pthread_mutex_unlock(&r->lock);
    return i;
}

static void *make_keys(void *arg)
{
    struct keyring *r = arg;
    size_t i;

    while ((i = next_key(r)) < KEYS_MAX)
        r->keys[i] = EVP_RSA_gen(r->bits[i]);
    return NULL;
}

static const struct holder *origin(const struct holder *h)
{
    for (size_t i = 0; h->same_as && i < N_HOLDERS; i++)
        if (strcmp(HOLDERS[i].card, h->same_as) == 0)
            return &HOLDERS[i];
    return h;
}

static void want_keys(struct keyring *r)
{
    for (size_t i = KEY_FOREIGN; i < KEY_FIRST_HOLDER; i++)
        r->bits[i] = 2048;
    /* The real authorities sign with RSA-4096, which is most of a certificate's size. */
    r->bits[KEY_ROOT] = r->bits[KEY_PERSONS] = 4096;
    for (size_t i = 0; i < N_HOLDERS; i++) {
        const struct holder *h = &HOLDERS[i];
        if (!holder_has_content(h) || h->same_as)
            continue;
        r->bits[KEY_FIRST_HOLDER + 2 * i] = 2048;
        r->bits[KEY_FIRST_HOLDER + 2 * i + 1] = h->own_signature_key ? 2048 : 0;
    }
}

static bool fill_keyring(struct keyring *r)
{
    pthread_t threads[THREADS];
    size_t started = 0;

    want_keys(r);
    pthread_mutex_init(&r->lock, NULL);
    while (started < THREADS && pthread_create(&threads[started], NULL, make_keys, r) == 0)
        started++;
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < KEYS_MAX; i++)
        if (r->bits[i] && !r->keys[i])
            return false;
    return true;
}

static EVP_PKEY *authentication_key(const struct igc *g, const struct holder *h)
{
    return g->ring.keys[KEY_FIRST_HOLDER + 2 * (origin(h) - HOLDERS)];
}

static EVP_PKEY *signature_key(const struct igc *g, const struct holder *h)
{
    const struct holder *o = origin(h);

    return o->own_signature_key ? g->ring.keys[KEY_FIRST_HOLDER + 2 * (o - HOLDERS) + 1]
                                : g->ring.keys[KEY_SPARE_SIG];
}

/* --- certificates --------------------------------------------------------------------------- */

static EVP_PKEY *take_key(struct igc *g, size_t i)
{
    EVP_PKEY *key = g->ring.keys[i];

    g->ring.keys[i] = NULL;
    return key;
}

static bool make_authorities(struct igc *g)
{
    return pki_ca_init(&g->root, "TEST AC RACINE IGC-SANTE FORT", take_key(g, KEY_ROOT), NULL, 1) &&
           pki_ca_init(&g->persons, "TEST AC IGC-SANTE FORT PERSONNES", take_key(g, KEY_PERSONS),
                       &g->root, 2) &&
           pki_ca_init(&g->foreign, "TEST AC ETRANGERE", take_key(g, KEY_FOREIGN), NULL, 3);
}

static long serial_of(const struct holder *h, enum cert which)
{
    return FIRST_SERIAL + CERTS * (origin(h) - HOLDERS) + which;
}

static X509 *issue(const struct igc *g, const struct holder *h, struct pki_subject *s,
                   enum cert which, EVP_PKEY *key)
{
    bool expired = h->condition == COND_EXPIRED;
    const struct pki_ca *issuer = h->condition == COND_UNTRUSTED ? &g->foreign : &g->persons;
    EVP_PKEY *signer = h->condition == COND_FORGED ? g->foreign.key : issuer->key;

    s->card_serial = h->serial;
    s->card_type = holder_is_named(h) ? CARD_TYPE_CPS : CARD_TYPE_CPE;
    s->serial = serial_of(h, which);
    s->not_before = expired ? -4L * 365 * PKI_DAY : -30L * PKI_DAY;
    s->not_after = expired ? -30L * PKI_DAY : 3L * 365 * PKI_DAY;
    s->signature = which == CERT_SIG;
    return pki_issue(s, key, issuer, signer);
}

static X509 *issue_to_holder(const struct igc *g, const struct holder *h, enum cert which,
                             EVP_PKEY *key)
{
    char name[COMMON_NAME_MAX], family[32];
    struct pki_subject s = {
        .organization = h->structure,
        .locality = h->locality,
        .unit = h->structure_id,
        .title = h->title,
        .common_name = name,
        .given_name = h->given,
        .profession = h->profession,
        .speciality = h->speciality,
        .ocsp = h->ocsp,
        .bare = h->model == MODEL_CPS3_VARIANT && which == CERT_AUT,
        .padding = which == CERT_AUT ? h->padding : 0,
    };

    holder_common_name(h, name);
    if (holder_is_named(h)) {
        holder_family(h, family, sizeof(family));
        s.family_name = family;
    }
    return issue(g, h, &s, which, key);
}

/* The technical certificate, open to any contactless reader, names the card and nobody. */
static X509 *issue_to_card(const struct igc *g, const struct holder *h, EVP_PKEY *key)
{
    char name[40];
    struct pki_subject s = {.common_name = name};

    snprintf(name, sizeof(name), "8025000001/00%s", h->serial);
    return issue(g, h, &s, CERT_TECH, key);
}

/* Certificates of a holder with two cards are made once, for the first card. */
static bool make_certificates(struct igc *g)
{
    for (size_t i = 0; i < N_HOLDERS; i++) {
        const struct holder *h = &HOLDERS[i];
        X509 **certs = g->certs[i];
        if (!holder_has_content(h) || h->same_as)
            continue;
        certs[CERT_AUT] = issue_to_holder(g, h, CERT_AUT, authentication_key(g, h));
        certs[CERT_SIG] = issue_to_holder(g, h, CERT_SIG, signature_key(g, h));
        certs[CERT_TECH] = issue_to_card(g, h, g->ring.keys[KEY_TECH]);
        if (!certs[CERT_AUT] || !certs[CERT_SIG] || !certs[CERT_TECH])
            return false;
    }
    return true;
}

static struct card_keys keys_of(const struct igc *g, const struct holder *h)
{
    X509 *const *certs = g->certs[origin(h) - HOLDERS];
    /* A mismatched card holds somebody else's authentication key: the second holder's. */
    const struct holder *aut = h->condition == COND_MISMATCHED ? &HOLDERS[1] : h;
    bool swapped = h->condition == COND_SWAPPED;

    return (struct card_keys){.sig = signature_key(g, h),
                              .aut = authentication_key(g, aut),
                              .tech = g->ring.keys[KEY_TECH],
                              .sig_cert = certs[swapped ? CERT_AUT : CERT_SIG],
                              .aut_cert = certs[swapped ? CERT_SIG : CERT_AUT],
                              .tech_cert = certs[CERT_TECH]};
}

/* --- output --------------------------------------------------------------------------------- */

static const char *in_dir(const char *out, const char *name, char path[4096])
{
    if ((size_t)snprintf(path, 4096, "%s/%s", out, name) >= 4096)
        path[0] = '\0';
    return path;
}

static bool make_dir(const char *out, const char *name, mode_t mode)
{
    char path[4096];

    return mkdir(in_dir(out, name, path), mode) == 0 || errno == EEXIST;
}

static bool save_crl(const char *out, const char *name, const struct pki_ca *ca,
                     const long *serials, size_t n, long last, long next)
{
    char path[4096], pem_name[64];
    X509_CRL *crl = pki_crl(ca, serials, n, last, next);

    snprintf(pem_name, sizeof(pem_name), "%s.pem", name);
    FILE *der CLEANUP(util_fclose) = fopen(in_dir(out, name, path), "we");
    FILE *pem CLEANUP(util_fclose) = fopen(in_dir(out, pem_name, path), "we");
    bool ok =
        crl && der && pem && i2d_X509_CRL_fp(der, crl) == 1 && PEM_write_X509_CRL(pem, crl) == 1;
    X509_CRL_free(crl);
    return ok;
}

static bool save_crls(const struct igc *g, const char *out)
{
    long revoked[CERTS * HOLDERS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < N_HOLDERS; i++) {
        for (int which = 0; HOLDERS[i].condition == COND_REVOKED && which < CERTS; which++)
            revoked[n++] = serial_of(&HOLDERS[i], (enum cert)which);
    }
    return save_crl(out, "igc/root.crl", &g->root, NULL, 0, -PKI_DAY, 300 * PKI_DAY) &&
           save_crl(out, "igc/persons.crl", &g->persons, revoked, n, -PKI_DAY, 30 * PKI_DAY) &&
           save_crl(out, "igc/persons-stale.crl", &g->persons, NULL, 0, -30 * PKI_DAY, -PKI_DAY);
}

static bool save_chain(const struct igc *g, const char *path)
{
    FILE *f CLEANUP(util_fclose) = fopen(path, "we");

    return f && PEM_write_X509(f, g->persons.cert) == 1 && PEM_write_X509(f, g->root.cert) == 1;
}

static bool save_authorities(const struct igc *g, const char *out)
{
    char path[4096];

    return make_dir(out, "igc", 0755) && make_dir(out, "igc/private", 0700) &&
           cardfile_save_cert(in_dir(out, "igc/root.pem", path), g->root.cert, true) &&
           cardfile_save_cert(in_dir(out, "igc/persons.pem", path), g->persons.cert, true) &&
           cardfile_save_cert(in_dir(out, "igc/foreign.pem", path), g->foreign.cert, true) &&
           save_chain(g, in_dir(out, "igc/chain.pem", path)) &&
           cardfile_save_key(in_dir(out, "igc/private/persons.key", path), g->persons.key) &&
           save_crls(g, out);
}

/* cards.json is written last: where it is, everything is. */
static bool save_cards(const struct igc *g, const char *out)
{
    char path[4096], cards[4096];
    json_t *list = json_array();
    bool ok = make_dir(out, "cards", 0755);

    in_dir(out, "cards", cards);
    for (size_t i = 0; ok && i < N_HOLDERS; i++) {
        const struct holder *h = &HOLDERS[i];
        const struct card_keys keys = keys_of(g, h);
        const struct card_keys *content = holder_has_content(h) ? &keys : NULL;
        ok = cardfile_write(cards, h, content) &&
             json_array_append_new(list, cardfile_describe(h, content)) == 0;
    }
    ok = ok && json_dump_file(list, in_dir(out, "cards.json", path), JSON_INDENT(2)) == 0;
    json_decref(list);
    return ok;
}

static void igc_done(struct igc *g)
{
    pki_ca_done(&g->root);
    pki_ca_done(&g->persons);
    pki_ca_done(&g->foreign);
    for (size_t i = 0; i < KEYS_MAX; i++)
        EVP_PKEY_free(g->ring.keys[i]);
    for (size_t i = 0; i < HOLDERS_MAX; i++)
        for (size_t k = 0; k < CERTS; k++)
            X509_free(g->certs[i][k]);
}

int main(int argc, char **argv)
{
    static struct igc igc;
    const char *out = argc == 3 && strcmp(argv[1], "--out") == 0 ? argv[2] : NULL;

    if (!out) {
        fputs("usage: vcps-gen --out DIR\n", stderr);
        return 2;
    }
    bool ok = N_HOLDERS <= HOLDERS_MAX && (mkdir(out, 0755) == 0 || errno == EEXIST) &&
              fill_keyring(&igc.ring) && make_authorities(&igc) && make_certificates(&igc) &&
              save_authorities(&igc, out) && save_cards(&igc, out);
    if (!ok) {
        fprintf(stderr, "vcps-gen: %s: cannot make the test IGC (%s)\n", out, strerror(errno));
        ERR_print_errors_fp(stderr);
    }
    igc_done(&igc);
    return ok ? 0 : 1;
}
