use burn_crown::Bounded;

#[derive(Bounded)]
union Net {
    weight: f32,
    bits: u32,
}

fn main() {}
