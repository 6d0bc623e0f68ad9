/* SPDX-License-Identifier: Apache-2.0 */
/* The client's credential in a profile: each method has its keys, and takes no other one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "oidc/client_key.h"
#include "oidc/profile_read.h"
#include "oidc/secret_file.h"

#define CREDENTIALS_VARIABLE "CREDENTIALS_DIRECTORY"

static const char *const methods[] = {
    [CLIENT_AUTH_NONE] = "none",
    [CLIENT_AUTH_SECRET_BASIC] = "client_secret_basic",
    [CLIENT_AUTH_SECRET_POST] = "client_secret_post",
    [CLIENT_AUTH_TLS] = "tls_client_auth",
    [CLIENT_AUTH_PRIVATE_KEY_JWT] = "private_key_jwt",
    [CLIENT_AUTH_BEARER] = "bearer",
    NULL,
};

/* Which methods take a key, as bits. */
#define SECRET_METHODS                                                                             \
    (1U << CLIENT_AUTH_SECRET_BASIC | 1U << CLIENT_AUTH_SECRET_POST | 1U << CLIENT_AUTH_BEARER)
#define KEY_METHODS (1U << CLIENT_AUTH_TLS | 1U << CLIENT_AUTH_PRIVATE_KEY_JWT)

#define PROXY_METHODS (1U << CLIENT_AUTH_NONE | 1U << CLIENT_AUTH_TLS | 1U << CLIENT_AUTH_BEARER)

static const struct {
    const char *key;
    unsigned methods;
} belongs[] = {
    {"client_secret_file", SECRET_METHODS},
    {"client_secret_credential", SECRET_METHODS},
    {"client_certificate", 1U << CLIENT_AUTH_TLS},
    {"client_key", KEY_METHODS},
    {"client_key_credential", KEY_METHODS},
    {"client_key_id", 1U << CLIENT_AUTH_PRIVATE_KEY_JWT},
    {"client_key_module", KEY_METHODS},
    {"client_key_pin_file", KEY_METHODS},
    {"client_key_pin_credential", KEY_METHODS},
};

const char *client_auth_name(enum client_auth_method method)
{
    return methods[method];
}

static cps_error read_method(struct profile *profile, struct fail *fail)
{
    int method = profile_one_of(profile_text(profile, "client_auth", methods[0]), methods);

    if (method < 0)
        return profile_wrong(profile, fail, "client_auth",
                             "must be none, client_secret_basic, client_secret_post, "
                             "tls_client_auth or private_key_jwt");
    profile->client_auth = (enum client_auth_method)method;
    if (profile->kind == PROFILE_ESANTE_PROXY ? (PROXY_METHODS & 1U << method) == 0
                                              : profile->client_auth == CLIENT_AUTH_BEARER)
        return profile_wrong(profile, fail, "client_auth", "is not of this kind of provider");
    for (size_t i = 0; i < sizeof belongs / sizeof belongs[0]; i++)
        if (profile_text(profile, belongs[i].key, NULL) != NULL &&
            (belongs[i].methods & 1U << method) == 0)
            return profile_wrong(profile, fail, belongs[i].key, "has no use with this client_auth");
    return CPS_OK;
}

/*
 * The path that two keys may give: a file, or the name of a systemd credential (LoadCredential=).
 * CPS_OK and NULL when neither is there.
 */
static cps_error find_file(const struct profile *profile, const char *file_key,
                           const char *credential_key, char **ret_path, struct fail *fail)
{
    const char *file = profile_text(profile, file_key, NULL);
    const char *credential = profile_text(profile, credential_key, NULL);
    const char *directory = getenv(CREDENTIALS_VARIABLE);

    if (file == NULL && credential == NULL)
        return CPS_OK;
    if (file != NULL && credential != NULL)
        return profile_wrong(profile, fail, credential_key, "is given beside a file");
    if (file != NULL) {
        *ret_path = strdup(file);
    } else if (credential[0] == '.' ||
               !profile_made_of(credential, 64, PROFILE_LETTERS PROFILE_DIGITS "-_.")) {
        return profile_wrong(profile, fail, credential_key, "must be the name of a credential");
    } else if (directory == NULL || directory[0] != '/') {
        return profile_wrong(profile, fail, credential_key,
                             "no " CREDENTIALS_VARIABLE ": the service has no LoadCredential=");
    } else if (asprintf(ret_path, "%s/%s", directory, credential) < 0) {
        *ret_path = NULL;
    }
    return *ret_path != NULL ? CPS_OK : fail_set(fail, CPS_INTERNAL, "out of memory");
}

static cps_error read_secret(struct profile *profile, struct fail *fail)
{
    AUTO_FREE char *path = NULL;

    if (find_file(profile, "client_secret_file", "client_secret_credential", &path, fail) != CPS_OK)
        return fail->code;
    if (path == NULL)
        return profile_wrong(profile, fail, "client_secret_file", "is missing");
    if (secret_file_read(path, &profile->client_secret, fail) != CPS_OK)
        return profile_wrong_key(profile, fail, "client_secret_file");
    return CPS_OK;
}

/* A key in a PKCS#11 token needs the module that knows the token; no other one does. */
static cps_error check_source(const struct profile *profile, const struct client_key_source *source,
                              struct fail *fail)
{
    bool token = source->key != NULL && client_key_is_token(source->key);

    if (source->key == NULL)
        return profile_wrong(profile, fail, "client_key", "is missing");
    if (profile->client_auth == CLIENT_AUTH_TLS && source->certificate == NULL)
        return profile_wrong(profile, fail, "client_certificate", "is missing");
    if (token && (source->module == NULL || source->module[0] != '/'))
        return profile_wrong(profile, fail, "client_key_module", "must be an absolute path");
    if (token && strstr(source->key, "pin-") != NULL)
        return profile_wrong(profile, fail, "client_key", "a PIN belongs in client_key_pin_file");
    if (!token && source->module != NULL)
        return profile_wrong(profile, fail, "client_key_module", "is for a key of a token");
    if (!token && source->pin_file != NULL)
        return profile_wrong(profile, fail, "client_key_pin_file", "is for a key of a token");
    return CPS_OK;
}

static cps_error read_key(struct profile *profile, struct fail *fail)
{
    AUTO_FREE char *path = NULL;
    AUTO_FREE char *pin = NULL;
    struct client_key_source source = {.certificate =
                                           profile_text(profile, "client_certificate", NULL),
                                       .module = profile_text(profile, "client_key_module", NULL)};

    if (find_file(profile, "client_key", "client_key_credential", &path, fail) != CPS_OK ||
        find_file(profile, "client_key_pin_file", "client_key_pin_credential", &pin, fail) !=
            CPS_OK)
        return fail->code;
    source.key = path;
    source.pin_file = pin;
    profile->client_key_id = profile_text(profile, "client_key_id", NULL);
    if (check_source(profile, &source, fail) != CPS_OK)
        return fail->code;
    if (client_key_open(&source, &profile->client_key, fail) != CPS_OK)
        return profile_wrong_key(profile, fail, "client_key");
    return CPS_OK;
}

cps_error profile_read_client(struct profile *profile, struct fail *fail)
{
    profile->client_id = profile_text(profile, "client_id", "");
    if (profile->client_id[0] == '\0')
        return profile_wrong(profile, fail, "client_id", "is missing");
    if (read_method(profile, fail) != CPS_OK)
        return fail->code;
    switch (profile->client_auth) {
    case CLIENT_AUTH_NONE:
        return CPS_OK;
    case CLIENT_AUTH_SECRET_BASIC:
    case CLIENT_AUTH_SECRET_POST:
    case CLIENT_AUTH_BEARER:
        return read_secret(profile, fail);
    case CLIENT_AUTH_TLS:
    case CLIENT_AUTH_PRIVATE_KEY_JWT:
        return read_key(profile, fail);
    }
    return fail_set(fail, CPS_INTERNAL, "unknown client_auth");
}
