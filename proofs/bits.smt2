; SPDX-License-Identifier: Apache-2.0
; What proofs/replay.c takes for granted of bits: no words are against it.
(set-logic QF_BV)
(declare-const x (_ BitVec 32))
(declare-const c (_ BitVec 32))
(declare-const n (_ BitVec 64))
(define-fun zero () (_ BitVec 32) #x00000000)
(define-fun low () (_ BitVec 64) (bvand n #x000000000000001f))
(assert (or
	(and (distinct c zero) (= (bvand (bvor x c) c) zero))
	(bvuge low #x0000000000000020)
	(= (bvshl #x00000001 ((_ extract 31 0) low)) zero)
	(distinct (bvlshr n #x0000000000000005) (bvudiv n #x0000000000000020))
	(distinct (bvlshr n #x0000000000000025) (bvudiv n #x0000002000000000))))
(check-sat)
