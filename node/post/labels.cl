/* The label function for OpenCL devices; labels.py holds the same function to be read.

   The same source serves processors and graphics cards.  The host chooses:

   LABELS_PER_VECTOR  1, 2 or 4 labels side by side in one vector (uint4, uint8, uint16)
   VECTORS            vectors mixed in turn, to hide latency
   GROUPS             groups of vectors mixed one after the other; the next chunk of each is
                      fetched ahead on processors
   GAP                only every GAP-th chunk is stored, those between are computed again
   APART              with one label an item and GAP > 1: every step mixes once, either to
                      compute a chunk again or to go on, so that items that run together
                      cost their mean and not the slowest among them
   INTERLEAVED        memory as [chunk][label] and not [label][chunk]: items that run
                      together write adjacent lines
   MEMORIES           1 to 4 buffers share the work items: some drivers refuse one
                      allocation of more than a quarter of the device's memory
   NATIVE_ROTATE      use rotate(), which some processor drivers turn into a call

   Never read words through a pointer or union of another type: optimising compilers then
   produced wrong labels without a word.  Split and join words by shifts.                  */

#define LANES (LABELS_PER_VECTOR * VECTORS * GROUPS)
#define ROWS 8

#if LABELS_PER_VECTOR == 1
typedef uint4 row_t;
#define TURN_1(v) (v).s1230
#define TURN_2(v) (v).s2301
#define TURN_3(v) (v).s3012
#define SIGN_MASK(v) as_uint4(as_int4(v) >> 31)
#define JOIN(source, k) (source[0][k])
#define SPREAD(a) ((uint4)(a[0]))
#define SPLIT(v, target, k) target[0][k] = (v);
#define FIRST_WORDS(v, a) a[0] = (v).s0;
#define PART(v, label) (v)
#elif LABELS_PER_VECTOR == 2
typedef uint8 row_t;
#define TURN_1(v) (v).s12305674
#define TURN_2(v) (v).s23016745
#define TURN_3(v) (v).s30127456
#define SIGN_MASK(v) as_uint8(as_int8(v) >> 31)
#define JOIN(source, k) ((uint8)(source[0][k], source[1][k]))
#define SPREAD(a) ((uint8)((uint4)(a[0]), (uint4)(a[1])))
#define SPLIT(v, target, k) target[0][k] = (v).lo; target[1][k] = (v).hi;
#define FIRST_WORDS(v, a) a[0] = (v).s0; a[1] = (v).s4;
#define PART(v, label) ((label) == 0 ? (v).lo : (v).hi)
#else
typedef uint16 row_t;
#define TURN_1(v) (v).s123056749ab8defc
#define TURN_2(v) (v).s23016745ab89efcd
#define TURN_3(v) (v).s30127456b89afcde
#define SIGN_MASK(v) as_uint16(as_int16(v) >> 31)
#define JOIN(source, k) ((uint16)(source[0][k], source[1][k], source[2][k], source[3][k]))
#define SPREAD(a) ((uint16)((uint4)(a[0]), (uint4)(a[1]), (uint4)(a[2]), (uint4)(a[3])))
#define SPLIT(v, target, k) \
  target[0][k] = (v).lo.lo; target[1][k] = (v).lo.hi; \
  target[2][k] = (v).hi.lo; target[3][k] = (v).hi.hi;
#define FIRST_WORDS(v, a) a[0] = (v).s0; a[1] = (v).s4; a[2] = (v).s8; a[3] = (v).sc;
#define PART(v, label) \
  ((label) == 0 ? (v).lo.lo : (label) == 1 ? (v).lo.hi : (label) == 2 ? (v).hi.lo : (v).hi.hi)
#endif

#ifdef NATIVE_ROTATE
#define TURN_WORDS(v, bits) rotate(v, (row_t)(bits))
#else
#define TURN_WORDS(v, bits) (((v) << (bits)) | ((v) >> (32 - (bits))))
#endif

#if defined(__x86_64__) && GROUPS > 1
#define FETCH_AHEAD(address) { \
  __builtin_prefetch((const void *)(size_t)(address)); \
  __builtin_prefetch((const void *)(size_t)((address) + 4)); }
#else
#define FETCH_AHEAD(address)
#endif

#define UNROLL _Pragma("unroll")
#define EACH_VECTOR UNROLL for (int vec = 0; vec < VECTORS; vec++)
#define EACH_ROW UNROLL for (int row = 0; row < ROWS; row++)
#define EACH_LABEL UNROLL for (int lab = 0; lab < LABELS_PER_VECTOR; lab++)
#define INLINE __attribute__((always_inline)) static

/* ---- HMAC over the original Keccak-512; the key is one block of 9 words -------------- */

__constant ulong ROUND_CONSTANTS[24] = {
  0x0000000000000001UL, 0x0000000000008082UL, 0x800000000000808aUL, 0x8000000080008000UL,
  0x000000000000808bUL, 0x0000000080000001UL, 0x8000000080008081UL, 0x8000000000008009UL,
  0x000000000000008aUL, 0x0000000000000088UL, 0x0000000080008009UL, 0x000000008000000aUL,
  0x000000008000808bUL, 0x800000000000008bUL, 0x8000000000008089UL, 0x8000000000008003UL,
  0x8000000000008002UL, 0x8000000000000080UL, 0x000000000000800aUL, 0x800000008000000aUL,
  0x8000000080008081UL, 0x8000000000008080UL, 0x0000000080000001UL, 0x8000000080008008UL};

#define FIRST_PADDING 1UL
#define LAST_PADDING 0x8000000000000000UL

static void permute(ulong *a) {
  for (int number = 0; number < 24; number++) {
    ulong parity[5], moving = a[1], next;
    for (int x = 0; x < 5; x++) parity[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
    for (int x = 0; x < 5; x++) {
      const ulong right = parity[(x + 1) % 5];
      const ulong effect = parity[(x + 4) % 5] ^ ((right << 1) | (right >> 63));
      for (int y = 0; y < 25; y += 5) a[y + x] ^= effect;
    }
    moving = a[1];
#define MOVE(place, bits) \
    next = a[place]; a[place] = (moving << bits) | (moving >> (64 - bits)); moving = next;
    MOVE(10, 1) MOVE(7, 3) MOVE(11, 6) MOVE(17, 10) MOVE(18, 15) MOVE(3, 21)
    MOVE(5, 28) MOVE(16, 36) MOVE(8, 45) MOVE(21, 55) MOVE(24, 2) MOVE(4, 14)
    MOVE(15, 27) MOVE(23, 41) MOVE(19, 56) MOVE(13, 8) MOVE(12, 25) MOVE(2, 43)
    MOVE(20, 62) MOVE(14, 18) MOVE(22, 39) MOVE(9, 61) MOVE(6, 20) MOVE(1, 44)
    for (int y = 0; y < 25; y += 5) {
      const ulong b0 = a[y], b1 = a[y + 1], b2 = a[y + 2], b3 = a[y + 3], b4 = a[y + 4];
      a[y] = b0 ^ (~b1 & b2);
      a[y + 1] = b1 ^ (~b2 & b3);
      a[y + 2] = b2 ^ (~b3 & b4);
      a[y + 3] = b3 ^ (~b4 & b0);
      a[y + 4] = b4 ^ (~b0 & b1);
    }
    a[0] ^= ROUND_CONSTANTS[number];
  }
}

static void absorb_key(ulong *state, const ulong *key, const ulong pad) {
  for (int k = 0; k < 9; k++) state[k] = key[k] ^ pad;
  for (int k = 9; k < 25; k++) state[k] = 0;
  permute(state);
}

static void absorb_key_twice(ulong *inner, ulong *outer, const ulong *key) {
  absorb_key(inner, key, 0x3636363636363636UL);
  absorb_key(outer, key, 0x5c5c5c5c5c5c5c5cUL);
}

static void finish(ulong *digest, const ulong *outer, const ulong *inner) {
  ulong state[25];
  for (int k = 0; k < 25; k++) state[k] = outer[k];
  for (int k = 0; k < 8; k++) state[k] ^= inner[k];
  state[8] ^= FIRST_PADDING | LAST_PADDING;
  permute(state);
  for (int k = 0; k < 8; k++) digest[k] = state[k];
}

static void derive_chunk(ulong *chunk, const ulong *key) {
  ulong inner[25], outer[25];
  absorb_key_twice(inner, outer, key);
  for (ulong block = 1; block <= 2; block++) {
    ulong state[25];
    for (int k = 0; k < 25; k++) state[k] = inner[k];
    state[0] ^= (block << 24) | (FIRST_PADDING << 32);
    state[8] ^= LAST_PADDING;
    permute(state);
    finish(chunk + (block - 1) * 8, outer, state);
  }
}

static void derive_label(ulong *label, const ulong *chunk, const ulong *key) {
  ulong inner[25], outer[25];
  absorb_key_twice(inner, outer, key);
  for (int k = 0; k < 9; k++) inner[k] ^= chunk[k];
  permute(inner);
  for (int k = 0; k < 7; k++) inner[k] ^= chunk[9 + k];
  inner[7] ^= (1UL << 24) | (FIRST_PADDING << 32);
  inner[8] ^= LAST_PADDING;
  permute(inner);
  finish(label, outer, inner);
}

/* ---- the mix ------------------------------------------------------------------------ */

#define QUARTER_ROUNDS(A, B, C, D) \
  EACH_VECTOR { A[vec] += B[vec]; D[vec] = TURN_WORDS(D[vec] ^ A[vec], 16); } \
  EACH_VECTOR { C[vec] += D[vec]; B[vec] = TURN_WORDS(B[vec] ^ C[vec], 12); } \
  EACH_VECTOR { A[vec] += B[vec]; D[vec] = TURN_WORDS(D[vec] ^ A[vec], 8); } \
  EACH_VECTOR { C[vec] += D[vec]; B[vec] = TURN_WORDS(B[vec] ^ C[vec], 7); }

INLINE void chacha_core(row_t (*block)[VECTORS]) {
  row_t A[VECTORS], B[VECTORS], C[VECTORS], D[VECTORS];
  EACH_VECTOR {
    A[vec] = block[0][vec]; B[vec] = block[1][vec]; C[vec] = block[2][vec]; D[vec] = block[3][vec];
  }
  UNROLL for (int number = 0; number < 4; number++) {
    QUARTER_ROUNDS(A, B, C, D)
    EACH_VECTOR { B[vec] = TURN_1(B[vec]); C[vec] = TURN_2(C[vec]); D[vec] = TURN_3(D[vec]); }
    QUARTER_ROUNDS(A, B, C, D)
    EACH_VECTOR { B[vec] = TURN_3(B[vec]); C[vec] = TURN_2(C[vec]); D[vec] = TURN_1(D[vec]); }
  }
  EACH_VECTOR {
    block[0][vec] += A[vec]; block[1][vec] += B[vec]; block[2][vec] += C[vec]; block[3][vec] += D[vec];
  }
}

INLINE void mix_chunk(row_t (*chunk)[VECTORS]) {
  UNROLL for (int row = 0; row < 4; row++) EACH_VECTOR chunk[row][vec] ^= chunk[row + 4][vec];
  chacha_core(chunk);
  UNROLL for (int row = 0; row < 4; row++) EACH_VECTOR chunk[row + 4][vec] ^= chunk[row][vec];
  chacha_core(chunk + 4);
}

/* ---- the memory --------------------------------------------------------------------- */

#ifdef INTERLEAVED
#define STORED(lane, number) \
  (memory + (((size_t)(number) * items_per_memory * LANES + place * LANES + (lane)) * ROWS))
#else
#define STORED(lane, number) \
  (memory + (((place * LANES + (lane)) * stored_chunks + (number)) * ROWS))
#endif
#define LANE(group, vec, lab) (((group) * VECTORS + (vec)) * LABELS_PER_VECTOR + (lab))

/* The key block of one lane; lanes past the end repeat the last label. */
#define LOAD_KEY(lane) { \
  const size_t which = min((size_t)(item * LANES + (lane)), (size_t)(count - 1)); \
  for (int k = 0; k < 4; k++) key[k] = commitments[4 * which + k]; \
  key[4] = indices[which]; }

__kernel void labels(
    const uint scrypt_n, const uint count, const uint items_per_memory,
    __global const ulong *indices, __global const ulong *commitments, __global ulong4 *out,
    __global uint4 *memory_0, __global uint4 *memory_1,
    __global uint4 *memory_2, __global uint4 *memory_3) {
  const size_t item = get_global_id(0);
  const size_t place = item % items_per_memory;
  const size_t stored_chunks = (scrypt_n + GAP - 1) / GAP;
  __global uint4 *memory = memory_0;
#if MEMORIES > 1
  const size_t which_memory = item / items_per_memory;
  memory = which_memory == 0 ? memory_0 : which_memory == 1 ? memory_1
         : which_memory == 2 ? memory_2 : memory_3;
#endif
  row_t state[GROUPS][ROWS][VECTORS];
  ulong key[9], words[16];
  for (int k = 5; k < 9; k++) key[k] = 0;

  {
    uint first[LANES][32];
    for (int lane = 0; lane < LANES; lane++) {
      LOAD_KEY(lane)
      derive_chunk(words, key);
      for (int k = 0; k < 16; k++) {
        first[lane][2 * k] = (uint)words[k];
        first[lane][2 * k + 1] = (uint)(words[k] >> 32);
      }
    }
    for (int group = 0; group < GROUPS; group++) EACH_VECTOR for (int row = 0; row < ROWS; row++) {
      const int lane = LANE(group, vec, 0);
#if LABELS_PER_VECTOR == 1
      state[group][row][vec] = vload4(row, first[lane]);
#elif LABELS_PER_VECTOR == 2
      state[group][row][vec] = (uint8)(vload4(row, first[lane]), vload4(row, first[lane + 1]));
#else
      state[group][row][vec] = (uint16)(
        vload4(row, first[lane]), vload4(row, first[lane + 1]),
        vload4(row, first[lane + 2]), vload4(row, first[lane + 3]));
#endif
    }
  }

  UNROLL for (int group = 0; group < GROUPS; group++) {
    for (uint number = 0; number < stored_chunks; number++) {
      EACH_VECTOR {
        __global uint4 *target[LABELS_PER_VECTOR];
        EACH_LABEL target[lab] = STORED(LANE(group, vec, lab), number);
        EACH_ROW { SPLIT(state[group][row][vec], target, row) }
      }
      const uint steps = min((uint)GAP, scrypt_n - number * GAP);
      for (uint step = 0; step < steps; step++) mix_chunk(state[group]);
    }
  }

#ifdef APART
  {
    row_t ahead[ROWS][1], mixed[ROWS][1];
    uint done = 0, wanted = state[0][4][0].s0 & (scrypt_n - 1), missing = wanted % GAP;
    __global const uint4 *source = STORED(0, wanted / GAP);
    EACH_ROW ahead[row][0] = source[row];
    for (;;) {
      const row_t both = (row_t)(missing ? 0u : ~0u);
      EACH_ROW mixed[row][0] = ahead[row][0] ^ (state[0][row][0] & both);
      mix_chunk(mixed);
      if (missing) {
        missing--;
        EACH_ROW ahead[row][0] = mixed[row][0];
      } else {
        EACH_ROW state[0][row][0] = mixed[row][0];
        if (++done == scrypt_n) break;
        wanted = state[0][4][0].s0 & (scrypt_n - 1);
        missing = wanted % GAP;
        source = STORED(0, wanted / GAP);
        EACH_ROW ahead[row][0] = source[row];
      }
    }
  }
#else
  for (uint done = 0; done < scrypt_n; done++) UNROLL for (int group = 0; group < GROUPS; group++) {
#if GAP == 1
    EACH_VECTOR {
      uint wanted[LABELS_PER_VECTOR];
      __global const uint4 *source[LABELS_PER_VECTOR];
      FIRST_WORDS(state[group][4][vec], wanted)
      EACH_LABEL source[lab] = STORED(LANE(group, vec, lab), wanted[lab] & (scrypt_n - 1));
      EACH_ROW state[group][row][vec] ^= JOIN(source, row);
    }
#else
    row_t chunk[ROWS][VECTORS], mixed[ROWS][VECTORS], missing[VECTORS];
    EACH_VECTOR {
      uint wanted[LABELS_PER_VECTOR];
      __global const uint4 *source[LABELS_PER_VECTOR];
      FIRST_WORDS(state[group][4][vec], wanted)
      EACH_LABEL {
        wanted[lab] &= scrypt_n - 1;
        source[lab] = STORED(LANE(group, vec, lab), wanted[lab] / GAP);
        wanted[lab] %= GAP;
      }
      missing[vec] = SPREAD(wanted);
      EACH_ROW chunk[row][vec] = JOIN(source, row);
    }
    for (uint step = 1; step < GAP; step++) {
      EACH_ROW EACH_VECTOR mixed[row][vec] = chunk[row][vec];
      mix_chunk(mixed);
      /* Not a vector comparison: one compiler dies of it with sixteen words. */
      EACH_VECTOR {
        const row_t take = SIGN_MASK((row_t)(step - 1) - missing[vec]);
        EACH_ROW chunk[row][vec] ^= (chunk[row][vec] ^ mixed[row][vec]) & take;
      }
    }
    EACH_ROW EACH_VECTOR state[group][row][vec] ^= chunk[row][vec];
#endif
    mix_chunk(state[group]);
#if GROUPS > 1
    EACH_VECTOR {
      uint wanted[LABELS_PER_VECTOR];
      FIRST_WORDS(state[group][4][vec], wanted)
      EACH_LABEL FETCH_AHEAD(STORED(LANE(group, vec, lab), (wanted[lab] & (scrypt_n - 1)) / GAP))
    }
#endif
  }
#endif

  for (int lane = 0; lane < LANES; lane++) {
    const int group = lane / (LABELS_PER_VECTOR * VECTORS);
    const int vec = lane / LABELS_PER_VECTOR % VECTORS;
    for (int row = 0; row < ROWS; row++) {
      const uint4 part = PART(state[group][row][vec], lane % LABELS_PER_VECTOR);
      words[2 * row] = (ulong)part.s0 | ((ulong)part.s1 << 32);
      words[2 * row + 1] = (ulong)part.s2 | ((ulong)part.s3 << 32);
    }
    ulong label[8];
    LOAD_KEY(lane)
    derive_label(label, words, key);
    if (item * LANES + lane < count)
      out[item * LANES + lane] = (ulong4)(label[0], label[1], label[2], label[3]);
  }
}
