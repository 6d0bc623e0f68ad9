/* SPDX-License-Identifier: Apache-2.0 */
/* What the functions of PKCS#11 promise when they are called one after the other. */
#include <string.h>

#include "tests/provider/torture.h"

#define AUT_LABEL  "CPS_PRIV_AUT"
#define SIGNATURE  256
#define DIGESTINFO 51

static CK_MECHANISM pkcs1 = {.mechanism = CKM_RSA_PKCS};

static void slots_are_constant(struct subject *subject)
{
    CK_SLOT_ID slots[16];
    CK_ULONG n = 16, one = 1;
    CK_SLOT_INFO info;

    expect_rv(subject->f->C_GetSlotList(CK_FALSE, slots, &n), CKR_OK, "C_GetSlotList");
    expect(n == 4, "%lu slots", n);
    expect_rv(subject->f->C_GetSlotList(CK_FALSE, slots, &one), CKR_BUFFER_TOO_SMALL, "small list");
    expect(one == 4, "the number of slots is told");
    for (CK_ULONG i = 0; i < n; i++) {
        expect_rv(subject->f->C_GetSlotInfo(slots[i], &info), CKR_OK, "C_GetSlotInfo");
        expect((info.flags & CKF_REMOVABLE_DEVICE) != 0, "a slot must be removable");
        expect(((info.flags & CKF_TOKEN_PRESENT) != 0) == (i == 0), "slot %lu's token", i);
    }
    n = 16;
    expect_rv(subject->f->C_GetSlotList(CK_TRUE, slots, &n), CKR_OK, "C_GetSlotList, tokens");
    expect(n == 1 && slots[0] == 0, "one token, in slot 0");
}

static void token_is_told(struct subject *subject)
{
    CK_TOKEN_INFO info;
    CK_MECHANISM_TYPE mechanisms[16];
    CK_MECHANISM_INFO mechanism;
    CK_ULONG n = 16;

    expect_rv(subject->f->C_GetTokenInfo(0, &info), CKR_OK, "C_GetTokenInfo");
    expect((info.flags & CKF_LOGIN_REQUIRED) == 0, "the agent owns the PIN");
    expect((info.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0, "nobody else asks for it");
    expect((info.flags & CKF_RNG) == 0, "no random numbers here");
    expect_rv(subject->f->C_GetMechanismList(0, mechanisms, &n), CKR_OK, "C_GetMechanismList");
    for (CK_ULONG i = 0; i < n; i++) {
        expect_rv(subject->f->C_GetMechanismInfo(0, mechanisms[i], &mechanism), CKR_OK, "info");
        expect(mechanism.ulMaxKeySize == 2048 && (mechanism.flags & CKF_SIGN) != 0, "mechanism");
    }
    expect_rv(subject->f->C_GetTokenInfo(1, &info), CKR_TOKEN_NOT_PRESENT, "an empty slot");
    expect_rv(subject->f->C_GetMechanismInfo(0, CKM_RSA_X_509, &mechanism), CKR_MECHANISM_INVALID,
              "raw RSA");
}

/* In one call, what is there is given and what is not is said. */
static void attributes(struct subject *subject)
{
    unsigned char modulus[512];
    CK_KEY_TYPE type = 99;
    CK_BBOOL always = CK_TRUE;
    CK_ATTRIBUTE list[] = {{CKA_KEY_TYPE, &type, sizeof type},
                           {0xce534352, modulus, 1},
                           {CKA_PRIVATE_EXPONENT, modulus, sizeof modulus},
                           {CKA_MODULUS, NULL, 0},
                           {CKA_LABEL, modulus, 1},
                           {CKA_ALWAYS_AUTHENTICATE, &always, sizeof always}};
    CK_RV rv = subject->f->C_GetAttributeValue(subject->session, subject->key, list, 6);

    expect(rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE ||
               rv == CKR_BUFFER_TOO_SMALL,
           "C_GetAttributeValue: %#lx", rv);
    expect(type == CKK_RSA && always == CK_FALSE, "the others are given");
    expect(list[1].ulValueLen == CK_UNAVAILABLE_INFORMATION, "an unknown attribute");
    expect(list[2].ulValueLen == CK_UNAVAILABLE_INFORMATION, "a secret one");
    expect(list[3].ulValueLen == SIGNATURE, "the length alone");
    expect(list[4].ulValueLen == CK_UNAVAILABLE_INFORMATION, "one with too little room");
}

/* What a certificate must tell, be it nothing: Java does without none of it. */
static void certificates_are_whole(struct subject *subject)
{
    static const CK_ATTRIBUTE_TYPE wanted[] = {
        CKA_TOKEN,   CKA_PRIVATE, CKA_MODIFIABLE,    CKA_LABEL,   CKA_CERTIFICATE_TYPE,
        CKA_TRUSTED, CKA_ID,      CKA_SERIAL_NUMBER, CKA_VALUE,   CKA_CERTIFICATE_CATEGORY,
        CKA_SUBJECT, CKA_ISSUER,  CKA_START_DATE,    CKA_END_DATE};
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_ATTRIBUTE template = {CKA_CLASS, &class, sizeof class};
    CK_OBJECT_HANDLE handles[8];
    CK_ULONG n = 0;
    CK_FUNCTION_LIST *f = subject->f;

    expect_rv(f->C_FindObjectsInit(subject->session, &template, 1), CKR_OK, "C_FindObjectsInit");
    expect_rv(f->C_FindObjects(subject->session, handles, 8, &n), CKR_OK, "C_FindObjects");
    expect_rv(f->C_FindObjectsFinal(subject->session), CKR_OK, "C_FindObjectsFinal");
    expect(n > 0, "no certificate");
    for (CK_ULONG i = 0; i < n; i++)
        for (size_t k = 0; k < sizeof wanted / sizeof wanted[0]; k++) {
            CK_ATTRIBUTE attribute = {.type = wanted[k]};
            CK_RV rv = f->C_GetAttributeValue(subject->session, handles[i], &attribute, 1);

            expect(rv == CKR_OK, "certificate %lu, attribute %#lx: %#lx", i, wanted[k], rv);
        }
}

static void finding(struct subject *subject)
{
    CK_OBJECT_HANDLE handles[2];
    CK_ULONG n = 9, found = 0;
    CK_FUNCTION_LIST *f = subject->f;
    CK_SESSION_HANDLE session = subject->session;

    expect_rv(f->C_FindObjects(session, handles, 2, &n), CKR_OPERATION_NOT_INITIALIZED, "find");
    expect_rv(f->C_FindObjectsInit(session, NULL, 0), CKR_OK, "C_FindObjectsInit");
    expect_rv(f->C_FindObjectsInit(session, NULL, 0), CKR_OPERATION_ACTIVE, "twice");
    do {
        expect_rv(f->C_FindObjects(session, handles, 2, &n), CKR_OK, "C_FindObjects");
        found += n;
    } while (n > 0);
    expect(found >= 3, "%lu objects", found);
    expect_rv(f->C_FindObjectsFinal(session), CKR_OK, "C_FindObjectsFinal");
    expect_rv(f->C_FindObjectsFinal(session), CKR_OPERATION_NOT_INITIALIZED, "final twice");
    expect(subject_find(subject, CKO_PRIVATE_KEY, "nobody") == 0, "what is not there");
}

static void sessions(struct subject *subject)
{
    CK_SESSION_HANDLE many[300];
    CK_SESSION_INFO info;
    CK_FUNCTION_LIST *f = subject->f;
    CK_ULONG n = 0;
    CK_RV rv = CKR_OK;

    expect_rv(f->C_OpenSession(0, 0, NULL, NULL, many), CKR_SESSION_PARALLEL_NOT_SUPPORTED,
              "parallel session");
    expect_rv(f->C_OpenSession(1, CKF_SERIAL_SESSION, NULL, NULL, many), CKR_TOKEN_NOT_PRESENT,
              "no token");
    while (rv == CKR_OK && n < 300)
        rv = f->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &many[n++]);
    expect_rv(rv, CKR_SESSION_COUNT, "too many sessions");
    expect(n > 200 && many[5] != many[6], "many sessions, each of its own");
    for (CK_ULONG i = 0; i + 1 < n; i++)
        expect_rv(f->C_CloseSession(many[i]), CKR_OK, "C_CloseSession");
    expect_rv(f->C_CloseSession(many[0]), CKR_SESSION_HANDLE_INVALID, "closed twice");
    expect_rv(f->C_GetSessionInfo(many[1], &info), CKR_SESSION_HANDLE_INVALID, "a closed session");
    expect_rv(f->C_GetSessionInfo(subject->session, &info), CKR_OK, "the first one");
    expect(info.slotID == 0 && info.state == CKS_RO_PUBLIC_SESSION, "its state");
}

static void login_arguments(struct subject *subject)
{
    unsigned char pin[] = "1234";
    CK_FUNCTION_LIST *f = subject->f;
    CK_SESSION_HANDLE session = subject->session;

    expect_rv(f->C_Login(session, CKU_USER, pin, 4), CKR_ARGUMENTS_BAD, "a PIN of the program's");
    expect_rv(f->C_Login(session, CKU_SO, pin, 4), CKR_USER_TYPE_INVALID, "security officer");
    expect_rv(f->C_Login(session, CKU_CONTEXT_SPECIFIC, NULL, 0), CKR_OPERATION_NOT_INITIALIZED,
              "context specific");
    expect_rv(f->C_Logout(session), CKR_USER_NOT_LOGGED_IN, "logout");
}

void torture_sequences(struct subject *subject)
{
    slots_are_constant(subject);
    token_is_told(subject);
    attributes(subject);
    certificates_are_whole(subject);
    finding(subject);
    sessions(subject);
    login_arguments(subject);
}

/* With too little room, or asked for the length, the operation goes on; else it is over. */
static void room_for_it(struct subject *subject)
{
    unsigned char data[DIGESTINFO] = {0x30}, signature[SIGNATURE * 2];
    CK_ULONG len = 0;
    CK_FUNCTION_LIST *f = subject->f;
    CK_SESSION_HANDLE session = subject->session;

    expect_rv(f->C_SignInit(session, &pkcs1, subject->key), CKR_OK, "C_SignInit");
    expect_rv(f->C_SignInit(session, &pkcs1, subject->key), CKR_OPERATION_ACTIVE, "twice");
    expect_rv(f->C_Sign(session, data, DIGESTINFO, NULL, &len), CKR_OK, "the length");
    expect(len == SIGNATURE, "%lu bytes", len);
    len = SIGNATURE - 1;
    expect_rv(f->C_Sign(session, data, DIGESTINFO, signature, &len), CKR_BUFFER_TOO_SMALL, "room");
    len = sizeof signature;
    expect_rv(f->C_Sign(session, data, DIGESTINFO, signature, &len), CKR_OK, "C_Sign");
    expect(len == SIGNATURE, "%lu bytes of signature", len);
    expect_rv(f->C_Sign(session, data, DIGESTINFO, signature, &len), CKR_OPERATION_NOT_INITIALIZED,
              "without C_SignInit");
}

static void input_of_wrong_length(struct subject *subject)
{
    static const CK_ULONG lengths[] = {0, 103, 246, 256, 4000};
    unsigned char data[4000] = {0}, signature[SIGNATURE];
    CK_ULONG len;

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        expect_rv(subject->f->C_SignInit(subject->session, &pkcs1, subject->key), CKR_OK, "init");
        len = sizeof signature;
        expect_rv(subject->f->C_Sign(subject->session, data, lengths[i], signature, &len),
                  CKR_DATA_LEN_RANGE, "data of a wrong length");
    }
    expect_rv(subject->f->C_SignInit(subject->session, &pkcs1, subject->key), CKR_OK, "init");
    expect_rv(subject->f->C_Sign(subject->session, data, 51, signature, NULL), CKR_ARGUMENTS_BAD,
              "no length");
}

static void wrong_mechanisms(struct subject *subject)
{
    CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA256, CKG_MGF1_SHA1, 32};
    CK_MECHANISM raw = {.mechanism = CKM_RSA_X_509};
    CK_MECHANISM hashing = {.mechanism = CKM_SHA256_RSA_PKCS};
    CK_MECHANISM odd = {CKM_RSA_PKCS, &pss, sizeof pss};
    CK_FUNCTION_LIST *f = subject->f;
    CK_SESSION_HANDLE session = subject->session;

    expect_rv(f->C_SignInit(session, &raw, subject->key), CKR_MECHANISM_INVALID, "raw RSA");
    expect_rv(f->C_SignInit(session, &hashing, subject->key), CKR_MECHANISM_INVALID,
              "hashing with the authentication key");
    expect_rv(f->C_SignInit(session, &odd, subject->key), CKR_MECHANISM_PARAM_INVALID, "parameter");
    expect_rv(f->C_SignInit(session, &pkcs1, subject->certificate), CKR_KEY_HANDLE_INVALID,
              "a certificate does not sign");
    expect_rv(f->C_DecryptInit(session, &raw, subject->key), CKR_MECHANISM_INVALID, "raw RSA");
}

static void in_parts(struct subject *subject)
{
    unsigned char data[DIGESTINFO] = {0x30}, signature[SIGNATURE];
    CK_ULONG len = sizeof signature;
    CK_FUNCTION_LIST *f = subject->f;
    CK_SESSION_HANDLE session = subject->session;

    expect_rv(f->C_SignUpdate(session, data, 1), CKR_OPERATION_NOT_INITIALIZED, "update alone");
    expect_rv(f->C_SignInit(session, &pkcs1, subject->key), CKR_OK, "C_SignInit");
    expect_rv(f->C_SignUpdate(session, data, 20), CKR_OK, "C_SignUpdate");
    expect_rv(f->C_SignUpdate(session, data + 20, DIGESTINFO - 20), CKR_OK, "C_SignUpdate");
    expect_rv(f->C_Sign(session, data, 1, signature, &len), CKR_OPERATION_ACTIVE, "mixed");
    expect_rv(f->C_SignFinal(session, signature, &len), CKR_OK, "C_SignFinal");
    expect_rv(f->C_SignFinal(session, signature, &len), CKR_OPERATION_NOT_INITIALIZED, "twice");
}

void torture_signature(struct subject *subject)
{
    room_for_it(subject);
    input_of_wrong_length(subject);
    wrong_mechanisms(subject);
    in_parts(subject);
}
