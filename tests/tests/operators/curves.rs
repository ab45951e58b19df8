//! Functions of one variable that Burn records as one operator.

sound! {
    ArcTan, arctan_is_sound: |x| x.atan();
    ArcSinh, asinh_is_sound: |x| x.asinh();
    Sinh, sinh_is_sound: |x| x.sinh();
    Cosh, cosh_is_sound: |x| x.cosh();
    // Within their domains, whatever the radius.
    ArcTanh, atanh_is_sound: |x| (x.sin() * 0.99).atanh();
    Tan, tan_is_sound: |x| (x.sin() * 1.5).tan();
    LaterTan, other_branches_of_tan_are_sound: |x| (x.clone().cos() * 1.5 + 22.0).tan() - x;
}
