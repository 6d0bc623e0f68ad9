/* SPDX-License-Identifier: Apache-2.0 */
/* Every function of PKCS#11 with every kind of argument that a program may get wrong. */
#include <string.h>
#include <time.h>

#include "tests/provider/torture.h"

#define ROOM 4096

/* No call with wrong arguments may take longer: nothing is asked of anybody. */
#define LONGEST_S 3

enum kind { TAKES_NOTHING, TAKES_SESSION, TAKES_SLOT };

/* Arguments by their type; each function takes those that it has. */
struct given {
    CK_SESSION_HANDLE session;
    CK_SLOT_ID slot;
    CK_OBJECT_HANDLE object;
    CK_FLAGS flags;
    CK_MECHANISM *mechanism;
    CK_ATTRIBUTE *attributes;
    CK_ULONG n_attributes;
    unsigned char *bytes;
    CK_ULONG len;
    CK_ULONG *out_len;
    void *out;
};

static CK_RV call_C_GetInfo(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_GetInfo(g->out);
}

static CK_RV call_C_GetSlotList(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_GetSlotList((unsigned char)g->len, g->out, g->out_len);
}

static CK_RV call_C_GetSlotInfo(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_GetSlotInfo(g->slot, g->out);
}

static CK_RV call_C_GetTokenInfo(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_GetTokenInfo(g->slot, g->out);
}

static CK_RV call_C_WaitForSlotEvent(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_WaitForSlotEvent(g->flags, g->out, NULL);
}

static CK_RV call_C_GetMechanismList(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_GetMechanismList(g->slot, g->out, g->out_len);
}

static CK_RV call_C_GetMechanismInfo(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_GetMechanismInfo(g->slot, g->flags, g->out);
}

static CK_RV call_C_InitToken(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_InitToken(g->slot, g->bytes, g->len, g->bytes);
}

static CK_RV call_C_InitPIN(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_InitPIN(g->session, g->bytes, g->len);
}

static CK_RV call_C_SetPIN(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_SetPIN(g->session, g->bytes, g->len, g->bytes, g->len);
}

static CK_RV call_C_OpenSession(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_OpenSession(g->slot, g->flags, g->bytes, NULL, g->out);
}

static CK_RV call_C_CloseSession(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_CloseSession(g->session);
}

static CK_RV call_C_CloseAllSessions(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_CloseAllSessions(g->slot);
}

static CK_RV call_C_GetSessionInfo(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_GetSessionInfo(g->session, g->out);
}

static CK_RV call_C_GetOperationState(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_GetOperationState(g->session, g->bytes, g->out_len);
}

static CK_RV call_C_SetOperationState(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_SetOperationState(g->session, g->bytes, g->len, g->object, g->object);
}

static CK_RV call_C_Login(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_Login(g->session, g->flags, g->bytes, g->len);
}

static CK_RV call_C_Logout(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_Logout(g->session);
}

static CK_RV call_C_CreateObject(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_CreateObject(g->session, g->attributes, g->n_attributes, g->out);
}

static CK_RV call_C_CopyObject(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_CopyObject(g->session, g->object, g->attributes, g->n_attributes, g->out);
}

static CK_RV call_C_DestroyObject(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_DestroyObject(g->session, g->object);
}

static CK_RV call_C_GetObjectSize(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_GetObjectSize(g->session, g->object, g->out_len);
}

static CK_RV call_C_GetAttributeValue(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_GetAttributeValue(g->session, g->object, g->attributes, g->n_attributes);
}

static CK_RV call_C_SetAttributeValue(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_SetAttributeValue(g->session, g->object, g->attributes, g->n_attributes);
}

static CK_RV call_C_FindObjectsInit(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_FindObjectsInit(g->session, g->attributes, g->n_attributes);
}

static CK_RV call_C_FindObjects(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_FindObjects(g->session, g->out, g->n_attributes, g->out_len);
}

static CK_RV call_C_FindObjectsFinal(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_FindObjectsFinal(g->session);
}

static CK_RV call_C_EncryptInit(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_EncryptInit(g->session, g->mechanism, g->object);
}

static CK_RV call_C_Encrypt(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_Encrypt(g->session, g->bytes, g->len, g->bytes, g->out_len);
}

static CK_RV call_C_EncryptUpdate(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_EncryptUpdate(g->session, g->bytes, g->len, g->bytes, g->out_len);
}

static CK_RV call_C_EncryptFinal(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_EncryptFinal(g->session, g->bytes, g->out_len);
}

static CK_RV call_C_DecryptInit(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_DecryptInit(g->session, g->mechanism, g->object);
}

static CK_RV call_C_Decrypt(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_Decrypt(g->session, g->bytes, g->len, g->bytes, g->out_len);
}

static CK_RV call_C_DecryptUpdate(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_DecryptUpdate(g->session, g->bytes, g->len, g->bytes, g->out_len);
}

static CK_RV call_C_DecryptFinal(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_DecryptFinal(g->session, g->bytes, g->out_len);
}

static CK_RV call_C_DigestInit(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_DigestInit(g->session, g->mechanism);
}

static CK_RV call_C_Digest(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_Digest(g->session, g->bytes, g->len, g->bytes, g->out_len);
}

static CK_RV call_C_DigestUpdate(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_DigestUpdate(g->session, g->bytes, g->len);
}

static CK_RV call_C_DigestKey(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_DigestKey(g->session, g->object);
}

static CK_RV call_C_DigestFinal(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_DigestFinal(g->session, g->bytes, g->out_len);
}

static CK_RV call_C_SignInit(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_SignInit(g->session, g->mechanism, g->object);
}

static CK_RV call_C_Sign(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_Sign(g->session, g->bytes, g->len, g->bytes, g->out_len);
}

static CK_RV call_C_SignUpdate(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_SignUpdate(g->session, g->bytes, g->len);
}

static CK_RV call_C_SignFinal(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_SignFinal(g->session, g->bytes, g->out_len);
}

static CK_RV call_C_SignRecoverInit(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_SignRecoverInit(g->session, g->mechanism, g->object);
}

static CK_RV call_C_SignRecover(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_SignRecover(g->session, g->bytes, g->len, g->bytes, g->out_len);
}

static CK_RV call_C_VerifyInit(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_VerifyInit(g->session, g->mechanism, g->object);
}

static CK_RV call_C_Verify(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_Verify(g->session, g->bytes, g->len, g->bytes, g->len);
}

static CK_RV call_C_VerifyUpdate(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_VerifyUpdate(g->session, g->bytes, g->len);
}

static CK_RV call_C_VerifyFinal(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_VerifyFinal(g->session, g->bytes, g->len);
}

static CK_RV call_C_VerifyRecoverInit(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_VerifyRecoverInit(g->session, g->mechanism, g->object);
}

static CK_RV call_C_VerifyRecover(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_VerifyRecover(g->session, g->bytes, g->len, g->bytes, g->out_len);
}

static CK_RV call_C_DigestEncryptUpdate(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_DigestEncryptUpdate(g->session, g->bytes, g->len, g->bytes, g->out_len);
}

static CK_RV call_C_DecryptDigestUpdate(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_DecryptDigestUpdate(g->session, g->bytes, g->len, g->bytes, g->out_len);
}

static CK_RV call_C_SignEncryptUpdate(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_SignEncryptUpdate(g->session, g->bytes, g->len, g->bytes, g->out_len);
}

static CK_RV call_C_DecryptVerifyUpdate(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_DecryptVerifyUpdate(g->session, g->bytes, g->len, g->bytes, g->out_len);
}

static CK_RV call_C_GenerateKey(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_GenerateKey(g->session, g->mechanism, g->attributes, g->n_attributes, g->out);
}

static CK_RV call_C_GenerateKeyPair(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_GenerateKeyPair(g->session, g->mechanism, g->attributes, g->n_attributes,
                                g->attributes, g->n_attributes, g->out, g->out);
}

static CK_RV call_C_WrapKey(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_WrapKey(g->session, g->mechanism, g->object, g->object, g->bytes, g->out_len);
}

static CK_RV call_C_UnwrapKey(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_UnwrapKey(g->session, g->mechanism, g->object, g->bytes, g->len, g->attributes,
                          g->n_attributes, g->out);
}

static CK_RV call_C_DeriveKey(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_DeriveKey(g->session, g->mechanism, g->object, g->attributes, g->n_attributes,
                          g->out);
}

static CK_RV call_C_SeedRandom(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_SeedRandom(g->session, g->bytes, g->len);
}

static CK_RV call_C_GenerateRandom(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_GenerateRandom(g->session, g->bytes, g->len);
}

static CK_RV call_C_GetFunctionStatus(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_GetFunctionStatus(g->session);
}

static CK_RV call_C_CancelFunction(const CK_FUNCTION_LIST *f, const struct given *g)
{
    return f->C_CancelFunction(g->session);
}

static const struct {
    const char *name;
    CK_RV (*call)(const CK_FUNCTION_LIST *f, const struct given *g);
    int kind;
} calls[] = {
    {"C_GetInfo", call_C_GetInfo, TAKES_NOTHING},
    {"C_GetSlotList", call_C_GetSlotList, TAKES_NOTHING},
    {"C_GetSlotInfo", call_C_GetSlotInfo, TAKES_SLOT},
    {"C_GetTokenInfo", call_C_GetTokenInfo, TAKES_SLOT},
    {"C_WaitForSlotEvent", call_C_WaitForSlotEvent, TAKES_NOTHING},
    {"C_GetMechanismList", call_C_GetMechanismList, TAKES_SLOT},
    {"C_GetMechanismInfo", call_C_GetMechanismInfo, TAKES_SLOT},
    {"C_InitToken", call_C_InitToken, TAKES_SLOT},
    {"C_InitPIN", call_C_InitPIN, TAKES_SESSION},
    {"C_SetPIN", call_C_SetPIN, TAKES_SESSION},
    {"C_OpenSession", call_C_OpenSession, TAKES_SLOT},
    {"C_CloseSession", call_C_CloseSession, TAKES_SESSION},
    {"C_CloseAllSessions", call_C_CloseAllSessions, TAKES_SLOT},
    {"C_GetSessionInfo", call_C_GetSessionInfo, TAKES_SESSION},
    {"C_GetOperationState", call_C_GetOperationState, TAKES_SESSION},
    {"C_SetOperationState", call_C_SetOperationState, TAKES_SESSION},
    {"C_Login", call_C_Login, TAKES_SESSION},
    {"C_Logout", call_C_Logout, TAKES_SESSION},
    {"C_CreateObject", call_C_CreateObject, TAKES_SESSION},
    {"C_CopyObject", call_C_CopyObject, TAKES_SESSION},
    {"C_DestroyObject", call_C_DestroyObject, TAKES_SESSION},
    {"C_GetObjectSize", call_C_GetObjectSize, TAKES_SESSION},
    {"C_GetAttributeValue", call_C_GetAttributeValue, TAKES_SESSION},
    {"C_SetAttributeValue", call_C_SetAttributeValue, TAKES_SESSION},
    {"C_FindObjectsInit", call_C_FindObjectsInit, TAKES_SESSION},
    {"C_FindObjects", call_C_FindObjects, TAKES_SESSION},
    {"C_FindObjectsFinal", call_C_FindObjectsFinal, TAKES_SESSION},
    {"C_EncryptInit", call_C_EncryptInit, TAKES_SESSION},
    {"C_Encrypt", call_C_Encrypt, TAKES_SESSION},
    {"C_EncryptUpdate", call_C_EncryptUpdate, TAKES_SESSION},
    {"C_EncryptFinal", call_C_EncryptFinal, TAKES_SESSION},
    {"C_DecryptInit", call_C_DecryptInit, TAKES_SESSION},
    {"C_Decrypt", call_C_Decrypt, TAKES_SESSION},
    {"C_DecryptUpdate", call_C_DecryptUpdate, TAKES_SESSION},
    {"C_DecryptFinal", call_C_DecryptFinal, TAKES_SESSION},
    {"C_DigestInit", call_C_DigestInit, TAKES_SESSION},
    {"C_Digest", call_C_Digest, TAKES_SESSION},
    {"C_DigestUpdate", call_C_DigestUpdate, TAKES_SESSION},
    {"C_DigestKey", call_C_DigestKey, TAKES_SESSION},
    {"C_DigestFinal", call_C_DigestFinal, TAKES_SESSION},
    {"C_SignInit", call_C_SignInit, TAKES_SESSION},
    {"C_Sign", call_C_Sign, TAKES_SESSION},
    {"C_SignUpdate", call_C_SignUpdate, TAKES_SESSION},
    {"C_SignFinal", call_C_SignFinal, TAKES_SESSION},
    {"C_SignRecoverInit", call_C_SignRecoverInit, TAKES_SESSION},
    {"C_SignRecover", call_C_SignRecover, TAKES_SESSION},
    {"C_VerifyInit", call_C_VerifyInit, TAKES_SESSION},
    {"C_Verify", call_C_Verify, TAKES_SESSION},
    {"C_VerifyUpdate", call_C_VerifyUpdate, TAKES_SESSION},
    {"C_VerifyFinal", call_C_VerifyFinal, TAKES_SESSION},
    {"C_VerifyRecoverInit", call_C_VerifyRecoverInit, TAKES_SESSION},
    {"C_VerifyRecover", call_C_VerifyRecover, TAKES_SESSION},
    {"C_DigestEncryptUpdate", call_C_DigestEncryptUpdate, TAKES_SESSION},
    {"C_DecryptDigestUpdate", call_C_DecryptDigestUpdate, TAKES_SESSION},
    {"C_SignEncryptUpdate", call_C_SignEncryptUpdate, TAKES_SESSION},
    {"C_DecryptVerifyUpdate", call_C_DecryptVerifyUpdate, TAKES_SESSION},
    {"C_GenerateKey", call_C_GenerateKey, TAKES_SESSION},
    {"C_GenerateKeyPair", call_C_GenerateKeyPair, TAKES_SESSION},
    {"C_WrapKey", call_C_WrapKey, TAKES_SESSION},
    {"C_UnwrapKey", call_C_UnwrapKey, TAKES_SESSION},
    {"C_DeriveKey", call_C_DeriveKey, TAKES_SESSION},
    {"C_SeedRandom", call_C_SeedRandom, TAKES_SESSION},
    {"C_GenerateRandom", call_C_GenerateRandom, TAKES_SESSION},
    {"C_GetFunctionStatus", call_C_GetFunctionStatus, TAKES_SESSION},
    {"C_CancelFunction", call_C_CancelFunction, TAKES_SESSION},
};
#define CALLS (sizeof calls / sizeof calls[0])

/* Those of section 11.1 that this module may give; anything else is a surprise. */
static bool is_defined(CK_RV rv)
{
    static const CK_RV defined[] = {CKR_OK,
                                    CKR_SLOT_ID_INVALID,
                                    CKR_ARGUMENTS_BAD,
                                    CKR_ATTRIBUTE_SENSITIVE,
                                    CKR_ATTRIBUTE_TYPE_INVALID,
                                    CKR_DATA_LEN_RANGE,
                                    CKR_ENCRYPTED_DATA_LEN_RANGE,
                                    CKR_FUNCTION_NOT_PARALLEL,
                                    CKR_FUNCTION_NOT_SUPPORTED,
                                    CKR_KEY_HANDLE_INVALID,
                                    CKR_KEY_TYPE_INCONSISTENT,
                                    CKR_KEY_FUNCTION_NOT_PERMITTED,
                                    CKR_MECHANISM_INVALID,
                                    CKR_MECHANISM_PARAM_INVALID,
                                    CKR_OBJECT_HANDLE_INVALID,
                                    CKR_OPERATION_ACTIVE,
                                    CKR_OPERATION_NOT_INITIALIZED,
                                    CKR_SESSION_HANDLE_INVALID,
                                    CKR_SESSION_PARALLEL_NOT_SUPPORTED,
                                    CKR_TOKEN_NOT_PRESENT,
                                    CKR_TOKEN_WRITE_PROTECTED,
                                    CKR_USER_NOT_LOGGED_IN,
                                    CKR_USER_TYPE_INVALID,
                                    CKR_RANDOM_NO_RNG,
                                    CKR_BUFFER_TOO_SMALL,
                                    CKR_NO_EVENT,
                                    CKR_SESSION_COUNT,
                                    CKR_DEVICE_REMOVED,
                                    CKR_DEVICE_ERROR,
                                    CKR_PIN_INCORRECT};

    for (size_t i = 0; i < sizeof defined / sizeof defined[0]; i++)
        if (rv == defined[i])
            return true;
    return false;
}

static CK_RV timed(const CK_FUNCTION_LIST *f, size_t i, const struct given *g)
{
    struct timespec start, end;
    CK_RV rv;

    clock_gettime(CLOCK_MONOTONIC, &start);
    rv = calls[i].call(f, g);
    clock_gettime(CLOCK_MONOTONIC, &end);
    expect(end.tv_sec - start.tv_sec <= LONGEST_S, "%s took too long", calls[i].name);
    expect(is_defined(rv), "%s: %#lx", calls[i].name, rv);
    return rv;
}

void torture_uninitialized(CK_FUNCTION_LIST *f)
{
    struct given given = {0};

    for (size_t i = 0; i < CALLS; i++)
        expect_rv(calls[i].call(f, &given), CKR_CRYPTOKI_NOT_INITIALIZED, calls[i].name);
    expect_rv(f->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED, "C_Finalize");
}

/* A handle that means nothing never does anything. */
static void wrong_handles(const struct subject *subject, struct given given)
{
    static const CK_ULONG none[] = {0, 99, 1UL << 33, ~0UL};

    for (size_t i = 0; i < CALLS; i++)
        for (size_t k = 0; k < sizeof none / sizeof none[0]; k++) {
            CK_RV rv;

            given.session = none[k];
            given.slot = none[k] == 0 ? 4 : none[k];
            rv = timed(subject->f, i, &given);
            if (calls[i].kind != TAKES_NOTHING)
                expect(rv != CKR_OK, "%s works with handle %lu", calls[i].name, none[k]);
        }
}

/* Not those that would end the session, nor what asks the user. */
static bool is_left_out(const char *name)
{
    return strcmp(name, "C_CloseSession") == 0 || strcmp(name, "C_CloseAllSessions") == 0 ||
           strcmp(name, "C_Login") == 0 || strcmp(name, "C_OpenSession") == 0;
}

/* All the rest with a good session, and each pointer there or not. */
static void wrong_arguments(const struct subject *subject, struct given given)
{
    static unsigned char room[ROOM];
    static unsigned char out[ROOM];
    static const CK_OBJECT_HANDLE wrong[] = {0, 1, ~0UL};
    CK_MECHANISM mechanism = {.mechanism = 0x1234};
    CK_ATTRIBUTE attribute = {.type = CKA_LABEL, .pValue = NULL, .ulValueLen = 3};

    given.session = subject->session;
    for (size_t i = 0; i < CALLS; i++)
        for (unsigned mask = 0; mask < 64 && !is_left_out(calls[i].name); mask++)
            for (size_t k = 0; k < 3; k++) {
                CK_ULONG out_len = (mask & 32) != 0 ? ROOM : 0;

                given.object = wrong[k];
                given.bytes = (mask & 1) != 0 ? room : NULL;
                given.out = (mask & 2) != 0 ? out : NULL;
                given.out_len = (mask & 4) != 0 ? &out_len : NULL;
                given.mechanism = (mask & 8) != 0 ? &mechanism : NULL;
                given.attributes = (mask & 16) != 0 ? &attribute : NULL;
                given.n_attributes = (mask & 16) != 0 || (mask & 32) != 0;
                given.len = (mask & 32) != 0 ? ROOM : 0;
                (void)timed(subject->f, i, &given);
            }
}

void torture_arguments(struct subject *subject)
{
    static unsigned char room[ROOM];
    CK_ULONG out_len = ROOM;
    CK_MECHANISM mechanism = {.mechanism = CKM_RSA_PKCS};
    CK_ATTRIBUTE attribute = {.type = CKA_LABEL};
    struct given given = {.object = subject->key,
                          .flags = CKF_SERIAL_SESSION,
                          .mechanism = &mechanism,
                          .attributes = &attribute,
                          .n_attributes = 1,
                          .bytes = room,
                          .len = 51,
                          .out_len = &out_len,
                          .out = room};

    wrong_handles(subject, given);
    given.flags = CKF_DONT_BLOCK;
    wrong_arguments(subject, given);
    expect_rv(subject_sign(subject), CKR_OK, "a signature after all that");
}
