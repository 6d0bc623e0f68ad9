/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keys.h"

#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/keyfile.h"
#include "base/b64.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"

#define COORDINATE_LEN 32 /* P-256 */
#define PSEUDONYM_LEN  32

struct keys {
    char *dir;
    EVP_PKEY *key;
    json_t *jwk;     /* public, with kid */
    json_t *old_jwk; /* the key before it, or NULL */
    int64_t old_until_s;
    struct secret *pseudonym;
    struct state_store *store;
    EVP_PKEY *next; /* on its way to the disk, or NULL; the rest goes with it */
    struct state_wait *waiting;
    int64_t keep_s;
    keys_rotated *done;
    void *user;
};

void keys_free(struct keys *keys)
{
    if (keys == NULL)
        return;
    state_wait_forget(keys->waiting);
    EVP_PKEY_free(keys->next);
    EVP_PKEY_free(keys->key);
    json_decref(keys->jwk);
    json_decref(keys->old_jwk);
    secret_free(keys->pseudonym);
    free(keys->dir);
    free(keys);
}

static char *coordinate(const EVP_PKEY *key, const char *which)
{
    BIGNUM *number = NULL;
    uint8_t bytes[COORDINATE_LEN];
    char *text = NULL;

    if (EVP_PKEY_get_bn_param(key, which, &number) == 1 &&
        BN_bn2binpad(number, bytes, sizeof bytes) == sizeof bytes)
        text = b64_encode(bytes, sizeof bytes);
    BN_free(number);
    return text;
}

/* kid: the thumbprint of RFC 7638, so that a key always has the same name. */
static char *thumbprint(const char *x, const char *y)
{
    AUTO_FREE char *canonical = NULL;
    uint8_t hash[32];

    if (asprintf(&canonical, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", x, y) <
        0)
        return NULL;
    if (EVP_Q_digest(NULL, "SHA256", NULL, canonical, strlen(canonical), hash, NULL) != 1)
        return NULL;
    return b64_encode(hash, sizeof hash);
}

static json_t *public_jwk(const EVP_PKEY *key)
{
    AUTO_FREE char *x = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X);
    AUTO_FREE char *y = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y);
    AUTO_FREE char *kid = x != NULL && y != NULL ? thumbprint(x, y) : NULL;

    if (kid == NULL)
        return NULL;
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "kty", "EC", "crv", "P-256", "x", x,
                     "y", y, "use", "sig", "alg", "ES256", "kid", kid);
}

/* Decoders of EC keys only, which takes half as long; and nobody is asked for a passphrase. */
static EVP_PKEY *from_pem(const struct secret *pem)
{
    EVP_PKEY *key = NULL;
    OSSL_DECODER_CTX *decoder =
        OSSL_DECODER_CTX_new_for_pkey(&key, "PEM", NULL, "EC", EVP_PKEY_KEYPAIR, NULL, NULL);
    const uint8_t *data = secret_data(pem);
    size_t len = secret_len(pem);
    char group[32] = "";

    if (decoder == NULL || OSSL_DECODER_from_data(decoder, &data, &len) != 1 ||
        EVP_PKEY_get_group_name(key, group, sizeof group, NULL) != 1 ||
        strcmp(group, SN_X9_62_prime256v1) != 0) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    OSSL_DECODER_CTX_free(decoder);
    ERR_clear_error();
    return key;
}

static bool to_pem(EVP_PKEY *key, struct secret *pem)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char *data;
    bool done = false;

    if (bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1) {
        long len = BIO_get_mem_data(bio, &data);

        done = len > 0 && secret_set(pem, data, (size_t)len) == 0;
        OPENSSL_cleanse(data, (size_t)len);
    }
    BIO_free(bio);
    return done;
}

/* Takes a new key into use. The private part stays in OpenSSL's own structure. */
static cps_error use_key(struct keys *keys, EVP_PKEY *key, struct fail *fail)
{
    json_t *jwk = public_jwk(key);

    if (jwk == NULL) {
        EVP_PKEY_free(key);
        return fail_set(fail, CPS_INTERNAL, "statement key without public part");
    }
    EVP_PKEY_free(keys->key);
    keys->key = key;
    json_decref(keys->jwk);
    keys->jwk = jwk;
    return CPS_OK;
}

static cps_error create_key(struct keys *keys, struct fail *fail)
{
    AUTO_SECRET struct secret *pem = secret_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");

    if (pem == NULL || key == NULL || !to_pem(key, pem))
        fail_set(fail, CPS_INTERNAL, "cannot make a statement key");
    else if (keyfile_create(keys->dir, KEYS_STATEMENT_FILE, pem, fail) == CPS_OK)
        return use_key(keys, key, fail);
    EVP_PKEY_free(key);
    return fail->code;
}

static cps_error load_statement_key(struct keys *keys, struct fail *fail)
{
    AUTO_SECRET struct secret *pem = secret_new();
    EVP_PKEY *key;

    if (pem == NULL)
        return fail_set(fail, CPS_INTERNAL, "no guarded memory");
    if (keyfile_read(keys->dir, KEYS_STATEMENT_FILE, pem, fail) != CPS_OK)
        return fail->code;
    if (secret_len(pem) == 0)
        return create_key(keys, fail);
    key = from_pem(pem);
    if (key == NULL)
        return fail_set(fail, CPS_STORAGE, "%s/%s: not a P-256 private key", keys->dir,
                        KEYS_STATEMENT_FILE);
    return use_key(keys, key, fail);
}

static cps_error load_pseudonym_key(struct keys *keys, struct fail *fail)
{
    uint8_t fresh[PSEUDONYM_LEN];
    cps_error error;

    keys->pseudonym = secret_new();
    if (keys->pseudonym == NULL)
        return fail_set(fail, CPS_INTERNAL, "no guarded memory");
    error = keyfile_read(keys->dir, KEYS_PSEUDONYM_FILE, keys->pseudonym, fail);
    if (error != CPS_OK)
        return error;
    if (secret_len(keys->pseudonym) == PSEUDONYM_LEN)
        return CPS_OK;
    if (secret_len(keys->pseudonym) != 0)
        return fail_set(fail, CPS_STORAGE, "%s/%s: wrong size", keys->dir, KEYS_PSEUDONYM_FILE);
    if (RAND_bytes(fresh, sizeof fresh) != 1)
        return fail_set(fail, CPS_INTERNAL, "no random numbers");
    secret_set(keys->pseudonym, fresh, sizeof fresh);
    OPENSSL_cleanse(fresh, sizeof fresh);
    return keyfile_create(keys->dir, KEYS_PSEUDONYM_FILE, keys->pseudonym, fail);
}

struct keys *keys_new(const char *state_dir, struct fail *fail)
{
    struct keys *keys = calloc(1, sizeof *keys);

    if (keys != NULL)
        keys->dir = strdup(state_dir);
    if (keys == NULL || keys->dir == NULL)
        fail_set(fail, CPS_INTERNAL, "out of memory");
    else if (keyfile_directory(state_dir, fail) == CPS_OK &&
             load_statement_key(keys, fail) == CPS_OK && load_pseudonym_key(keys, fail) == CPS_OK)
        return keys;
    keys_free(keys);
    return NULL;
}

static cps_error store_key(struct keys *keys, EVP_PKEY *key, struct fail *fail)
{
    AUTO_SECRET struct secret *pem = secret_new();

    if (pem == NULL || key == NULL || !to_pem(key, pem))
        return fail_set(fail, CPS_INTERNAL, "cannot make a statement key");
    state_store_put(keys->store, KEYS_STATEMENT_FILE, secret_data(pem), secret_len(pem));
    return CPS_OK;
}

/* The new one may be on disk all the same: the one in use is written after it. */
static void drop_next(struct keys *keys)
{
    struct fail fail;
    char text[256];

    EVP_PKEY_free(TAKE_PTR(keys->next));
    if (store_key(keys, keys->key, &fail) == CPS_OK)
        return;
    fail_describe(&fail, text, sizeof text);
    log_error("the statement key on disk may be another one than that in use: %s", text);
}

static void on_stored(void *user, const struct fail *fail)
{
    struct keys *keys = user;
    json_t *old = json_incref(keys->jwk);
    struct fail unusable;

    keys->waiting = NULL;
    if (fail != NULL) {
        json_decref(old);
        drop_next(keys);
    } else if (use_key(keys, TAKE_PTR(keys->next), &unusable) != CPS_OK) {
        json_decref(old);
        fail = &unusable;
        drop_next(keys);
    } else {
        json_decref(keys->old_jwk);
        keys->old_jwk = old;
        keys->old_until_s = clock_real_s() + keys->keep_s;
    }
    keys->done(keys->user, fail);
}

cps_error keys_rotate(struct keys *keys, struct state_store *store, int64_t keep_s,
                      keys_rotated *done, void *user, struct fail *fail)
{
    EVP_PKEY *key;

    if (keys->next != NULL)
        return fail_set(fail, CPS_TOO_MANY_REQUESTS, "a new key is being written already");
    key = EVP_EC_gen("P-256");
    keys->store = store;
    if (store_key(keys, key, fail) != CPS_OK) {
        EVP_PKEY_free(key);
        return fail->code;
    }
    keys->next = key;
    keys->keep_s = keep_s;
    keys->done = done;
    keys->user = user;
    keys->waiting = state_store_wait(store, KEYS_STATEMENT_FILE, on_stored, keys);
    return CPS_OK;
}

void keys_rotate_cancel(struct keys *keys)
{
    state_wait_forget(TAKE_PTR(keys->waiting));
    drop_next(keys);
}

json_t *keys_jwks(struct keys *keys)
{
    json_t *list = json_array();

    json_array_append(list, keys->jwk);
    if (keys->old_jwk != NULL && clock_real_s() < keys->old_until_s)
        json_array_append(list, keys->old_jwk);
    return json_pack("{s:o}", "keys", list);
}

static char *encode_json(const json_t *value)
{
    AUTO_FREE char *text = json_dumps(value, JSON_COMPACT);

    return text != NULL ? b64_encode(text, strlen(text)) : NULL;
}

/* JWS wants r and s side by side (RFC 7518 section 3.4), OpenSSL gives a DER structure. */
static char *raw_signature(const uint8_t *der, size_t len)
{
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)len);
    uint8_t raw[2 * COORDINATE_LEN];
    char *text = NULL;

    if (pair != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, COORDINATE_LEN) > 0 &&
        BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + COORDINATE_LEN, COORDINATE_LEN) > 0)
        text = b64_encode(raw, sizeof raw);
    ECDSA_SIG_free(pair);
    return text;
}

static char *sign_text(EVP_PKEY *key, const char *text)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t der[128];
    size_t len = sizeof der;
    char *signature = NULL;

    if (context != NULL && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
        EVP_DigestSign(context, der, &len, (const uint8_t *)text, strlen(text)) == 1)
        signature = raw_signature(der, len);
    EVP_MD_CTX_free(context);
    return signature;
}

char *keys_sign(struct keys *keys, const char *typ, const json_t *payload)
{
    AUTO_JSON json_t *header = json_pack("{s:s, s:s, s:O}", "typ", typ, "alg", "ES256", "kid",
                                         json_object_get(keys->jwk, "kid"));
    AUTO_FREE char *head = encode_json(header);
    AUTO_FREE char *body = encode_json(payload);
    AUTO_FREE char *text = NULL;
    AUTO_FREE char *signature = NULL;
    char *jws = NULL;

    if (head == NULL || body == NULL || asprintf(&text, "%s.%s", head, body) < 0)
        return NULL;
    signature = sign_text(keys->key, text);
    if (signature == NULL || asprintf(&jws, "%s.%s", text, signature) < 0)
        return NULL;
    return jws;
}

char *keys_pseudonym(const struct keys *keys, const char *text)
{
    uint8_t hash[32];

    if (HMAC(EVP_sha256(), secret_data(keys->pseudonym), (int)secret_len(keys->pseudonym),
             (const uint8_t *)text, strlen(text), hash, NULL) == NULL)
        return NULL;
    return b64_encode(hash, sizeof hash);
}
