/* SPDX-License-Identifier: Apache-2.0 */
/* The objects of a token and their attributes, made from what the agent tells of a card. */
#ifndef PROVIDER_OBJECT_H
#define PROVIDER_OBJECT_H

#include <jansson.h>
#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stddef.h>

#define OBJECT_ATTRIBUTES_MAX 32

/* Longest name that the agent gives to anything. */
#define OBJECT_NAME_MAX 64

/* Mechanisms of a key, as bits. */
enum key_use {
    USE_RSA_PKCS = 1 << 0,
    USE_RSA_PKCS_PSS = 1 << 1,
    USE_SHA1_RSA_PKCS = 1 << 2,
    USE_SHA256_RSA_PKCS = 1 << 3,
    USE_DECRYPT = 1 << 4,
};

struct attribute {
    CK_ATTRIBUTE_TYPE type;
    size_t len;
    void *value;
};

struct object {
    CK_OBJECT_CLASS class;
    bool private; /* not shown before C_Login */
    size_t n;
    struct attribute list[OBJECT_ATTRIBUTES_MAX];
    char name[OBJECT_NAME_MAX + 1]; /* of a data object, for the agent */
    /* Of a private key. */
    char usage[16];
    unsigned uses;    /* enum key_use */
    size_t size;      /* bytes of the modulus */
    size_t input_max; /* longest input of RSA_PKCS */
};

/* The objects of a token, as "pkcs11.tokens" tells it. *ret_objects: an array, to be freed. */
size_t objects_make(const json_t *token, struct object **ret_objects);
void objects_free(struct object *objects, size_t n);

/* NULL: the object has no such attribute. */
const struct attribute *object_attribute(const struct object *object, CK_ATTRIBUTE_TYPE type);

/* It has all of these attributes, with these values. */
bool object_matches(const struct object *object, const CK_ATTRIBUTE *template, CK_ULONG n);

#endif
